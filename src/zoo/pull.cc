#include "gantry/zoo/pull.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "files.h"
#include "gantry/base/deadline.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/model_file/model_file.h"
#include "record.h"
#include "unpack.h"
#include "workspace.h"

namespace gantry::zoo {
namespace {

using model_file::max_model_bytes;  // what cannot be loaded is not fetched
constexpr std::uint64_t max_label_bytes = std::uint64_t{16} << 20U;

bool is_web_address(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

/// A place where a wanted file may be.
struct Candidate {
  std::string where;       ///< an address or a path
  bool is_local = false;   ///< a path
  bool is_member = false;  ///< the `.tflite` itself where the manifest has an archive
};

/// A file that is here now.
struct Obtained {
  std::filesystem::path path;
  Candidate from;
  FileHash hash;
  std::uint64_t resumed_from = 0;
};

/// "<!doctype html>…" and the like at the beginning of what should be a model.
std::string hint_of(const std::filesystem::path& path) {
  std::string head;
  const Result<> read = for_each_piece(path, [&](std::span<const std::byte> piece) -> Result<> {
    constexpr std::size_t enough = 64;
    head.assign(reinterpret_cast<const char*>(piece.data()), std::min(piece.size(), enough));
    return fail(Code::cancelled, "that was enough");
  });
  static_cast<void>(read);  // no hint then
  const std::size_t text = head.find_first_not_of(" \t\r\n");
  return text != std::string::npos && head[text] == '<'
             ? "; it begins like a web page: " + in_quotes(head)
             : std::string();
}

class Pull {
 public:
  Pull(const Entry& entry, const Store& store, const PullSettings& settings)
      : entry_(entry), store_(store), settings_(settings), workspace_(store.root(), entry.name) {}
  Pull(const Pull&) = delete;
  Pull& operator=(const Pull&) = delete;
  ~Pull() = default;

  Result<Pulled> run() {
    const auto lock = workspace_.lock(Deadline::after(settings_.lock_wait), settings_.on_wait);
    if (!lock) {
      return std::unexpected(lock.error());
    }
    workspace_.clean();
    if (auto there = installed()) {
      return *std::move(there);
    }
    auto staging = workspace_.staging();
    if (!staging) {
      return std::unexpected(std::move(staging).error());
    }
    // A folder of its own below: what publish_folder() takes out of the way lands there, too.
    const std::filesystem::path fresh = staging->path() / "new";
    if (Result<> made = make_folders(fresh); !made) {
      return std::unexpected(std::move(made).error());
    }
    Pulled pulled{.model = store_.model(entry_),
                  .sha256 = {},
                  .bytes = 0,
                  .resumed_from = 0,
                  .was_installed = false};
    Result<> done = fill(fresh, pulled);
    if (done) {
      done = publish(fresh);
    }
    if (!done) {
      return std::unexpected(std::move(done).error());
    }
    std::error_code ignored;
    std::filesystem::remove_all(workspace_.downloads(), ignored);
    return pulled;
  }

 private:
  /// What is there already, if it is good.
  [[nodiscard]] std::optional<Pulled> installed() const {
    if (store_.status(entry_).state == Store::State::absent) {
      return std::nullopt;
    }
    const auto checked = store_.verify(entry_);
    if (!checked || !checked->problems.empty()) {
      note("what is installed is damaged or another file: it is replaced");
      return std::nullopt;
    }
    return Pulled{.model = store_.model(entry_),
                  .sha256 = checked->sha256,
                  .bytes = checked->bytes,
                  .resumed_from = 0,
                  .was_installed = true};
  }

  /// Model, labels and record.
  Result<> fill(const std::filesystem::path& fresh, Pulled& pulled) {
    auto download = obtain(entry_.url, entry_.download, entry_.member, max_archive_bytes());
    if (!download) {
      return std::unexpected(std::move(download).error());
    }
    pulled.resumed_from = download->resumed_from;
    // All that comes from elsewhere is here before anything is moved, so that a failure leaves the
    // downloads as they are for the next try.
    std::optional<Obtained> label_download;
    if (entry_.labels.from == LabelsFrom::url) {
      auto obtained =
          obtain(entry_.labels.where, entry_.labels.content, std::nullopt, max_label_bytes);
      if (!obtained) {
        return std::unexpected(std::move(obtained).error());
      }
      label_download = *std::move(obtained);
    } else if (entry_.labels.from == LabelsFrom::archive && download->from.is_member) {
      return fail(Code::not_found,
                  format_text("{}: has the model without its archive, which has the labels",
                              settings_.from));
    }
    const std::filesystem::path model = fresh / model_file;
    const std::filesystem::path labels = fresh / labels_file;
    Result<> placed = entry_.member && !download->from.is_member
                          ? unpack_into(*download, model, labels)
                          : take(*download, model);
    if (placed && label_download) {
      placed = take(*label_download, labels);
    }
    if (!placed) {
      return placed;
    }
    if (Result<> is_model = check_model(model, pulled); !is_model) {
      return is_model;
    }
    Record record{.name = entry_.name,
                  .url = entry_.url,
                  .licence = entry_.licence,
                  .model_sha256 = pulled.sha256,
                  .labels_sha256 = {}};
    std::error_code error;
    if (std::filesystem::exists(labels, error)) {
      const auto hash = hash_file(labels);
      if (!hash) {
        return std::unexpected(hash.error());
      }
      record.labels_sha256 = hash->sha256;
    }
    return write_record(fresh, record);
  }

  [[nodiscard]] Result<> publish(const std::filesystem::path& fresh) const {
    std::error_code error;
    for (const char* const file : {model_file, labels_file}) {
      if (std::filesystem::exists(fresh / file, error)) {
        if (Result<> synced = sync(fresh / file); !synced) {
          return synced;
        }
      }
    }
    const std::filesystem::path target = store_.folder(entry_);
    Result<> done = sync(fresh);
    if (done) {
      done = make_folders(target.parent_path());
    }
    if (done) {
      done = publish_folder(fresh, target);
    }
    if (!done) {
      std::filesystem::remove(target.parent_path(), error);  // if it is empty
      return done;
    }
    return sync(target.parent_path());
  }

  [[nodiscard]] std::uint64_t max_archive_bytes() const {
    return std::min<std::uint64_t>(settings_.fetch.max_bytes, max_model_bytes);
  }

  [[nodiscard]] std::vector<Candidate> candidates(const std::string& url,
                                                  const std::optional<Member>& member) const {
    if (settings_.from.empty()) {
      return {{.where = url}};
    }
    std::vector<std::string> names = {file_name_of(url)};
    if (member) {
      names.push_back(std::filesystem::path(member->path).filename().string());
    }
    std::vector<Candidate> all;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (is_web_address(settings_.from)) {
        const std::string_view slash = settings_.from.ends_with('/') ? "" : "/";
        all.push_back(
            {.where = format_text("{}{}{}", settings_.from, slash, names[i]), .is_member = i > 0});
      } else {
        all.push_back({.where = (std::filesystem::path(settings_.from) / names[i]).string(),
                       .is_local = true,
                       .is_member = i > 0});
      }
    }
    return all;
  }

  /// The file of an address, or what stands for it in `from`, with its checksum seen to.
  Result<Obtained> obtain(const std::string& url, const Content& content,
                          const std::optional<Member>& member, std::uint64_t max_bytes) {
    Error last{Code::not_found, {}};
    std::string tried;
    for (const Candidate& candidate : candidates(url, member)) {
      const Content& wanted = candidate.is_member ? member->content : content;
      auto obtained = candidate.is_local ? obtain_local(candidate, wanted)
                                         : obtain_remote(candidate, wanted, max_bytes);
      if (obtained) {
        // An archive whose own checksum is unknown is held to account by its member's.
        const bool is_settled_later = member && !candidate.is_member && are_members_known();
        if (!wanted.sha256.empty() || is_settled_later) {
          return obtained;
        }
        if (Result<> trusted = ask(*obtained); !trusted) {
          return std::unexpected(std::move(trusted).error());
        }
        return obtained;
      }
      last = std::move(obtained).error();
      if (last.code != Code::not_found) {
        return std::unexpected(std::move(last));
      }
      tried += (tried.empty() ? "" : ", ") + candidate.where;
    }
    if (!settings_.from.empty()) {
      last.message = format_text("{}: not there; looked for {}", settings_.from, tried);
    }
    return std::unexpected(std::move(last));
  }

  /// Whether every member that is taken out of the archive has a checksum of its own.
  [[nodiscard]] bool are_members_known() const {
    return !entry_.member->content.sha256.empty() &&
           (entry_.labels.from != LabelsFrom::archive || !entry_.labels.content.sha256.empty());
  }

  [[nodiscard]] static Result<Obtained> obtain_local(const Candidate& candidate,
                                                     const Content& wanted) {
    auto hash = hash_file(candidate.where);
    if (!hash) {
      return std::unexpected(std::move(hash).error());
    }
    if (Result<> same = compare(candidate.where, candidate.where, wanted, *hash); !same) {
      return std::unexpected(std::move(same).error());
    }
    return Obtained{.path = candidate.where, .from = candidate, .hash = *std::move(hash)};
  }

  [[nodiscard]] Result<Obtained> obtain_remote(const Candidate& candidate, const Content& wanted,
                                               std::uint64_t max_bytes) const {
    if (Result<> made = make_folders(workspace_.downloads()); !made) {
      return std::unexpected(std::move(made).error());
    }
    const std::filesystem::path part = workspace_.part(candidate.where);
    FetchSettings fetching = settings_.fetch;
    fetching.max_bytes = std::min(fetching.max_bytes, max_bytes);
    for (;;) {
      const auto fetched = fetch(candidate.where, part, wanted.bytes, fetching);
      if (!fetched) {
        return std::unexpected(fetched.error());
      }
      auto hash = hash_file(part);
      if (!hash) {
        return std::unexpected(std::move(hash).error());
      }
      Result<> same = compare(part, candidate.where, wanted, *hash);
      if (same) {
        return Obtained{.path = part,
                        .from = candidate,
                        .hash = *std::move(hash),
                        .resumed_from = fetched->resumed_from};
      }
      drop(part);
      if (fetched->resumed_from == 0) {
        return std::unexpected(std::move(same).error());
      }
      note(same.error().message +
           "; it was put together from two downloads: once more from the "
           "beginning");
    }
  }

  static void drop(const std::filesystem::path& part) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    std::filesystem::remove(part.string() + ".origin", ignored);
  }

  /// Holds a file against what the manifest says of it.
  static Result<> compare(const std::filesystem::path& path, std::string_view name,
                          const Content& wanted, const FileHash& found) {
    if ((wanted.bytes && *wanted.bytes != found.bytes) ||
        (!wanted.sha256.empty() && wanted.sha256 != found.sha256)) {
      return fail(Code::invalid_argument,
                  format_text("{}: want {}sha256 {}, found {} bytes, sha256 {}{}", name,
                              wanted.bytes ? format_text("{} bytes, ", *wanted.bytes) : "",
                              wanted.sha256.empty() ? "unknown" : wanted.sha256, found.bytes,
                              found.sha256, hint_of(path)));
    }
    return {};
  }

  [[nodiscard]] Result<> ask(const Obtained& obtained) const {
    const Unverified unverified{.what = std::filesystem::path(obtained.from.where).filename(),
                                .source = obtained.from.where,
                                .sha256 = obtained.hash.sha256,
                                .bytes = obtained.hash.bytes};
    if (settings_.trusts && settings_.trusts(unverified)) {
      return {};
    }
    return fail(Code::failed_precondition,
                format_text("{}: no checksum is known to hold it against; got {} bytes, sha256 {}",
                            unverified.source, unverified.bytes, unverified.sha256));
  }

  [[nodiscard]] Result<> unpack_into(const Obtained& archive, const std::filesystem::path& model,
                                     const std::filesystem::path& labels) const {
    std::vector<Wanted> wanted = {
        {.member = entry_.member->path,
         .target = model,
         .max_bytes = entry_.member->content.bytes.value_or(max_model_bytes)}};
    const bool has_labels = entry_.labels.from == LabelsFrom::archive;
    if (has_labels) {
      wanted.push_back({.member = entry_.labels.where,
                        .target = labels,
                        .max_bytes = entry_.labels.content.bytes.value_or(max_label_bytes)});
    }
    Result<> done = unpack(archive.path, wanted);
    if (done) {
      done = compare_member(archive, model, *entry_.member);
    }
    if (done && has_labels) {
      done = compare_member(archive, labels,
                            {.path = entry_.labels.where, .content = entry_.labels.content});
    }
    if (!done && !archive.from.is_local) {
      drop(archive.path);  // it would be wrong again
    }
    return done;
  }

  static Result<> compare_member(const Obtained& archive, const std::filesystem::path& file,
                                 const Member& member) {
    const auto hash = hash_file(file);
    return hash ? compare(file, format_text("{} in {}", member.path, archive.from.where),
                          member.content, *hash)
                : std::unexpected(hash.error());
  }

  /// Out of the downloads, or a copy of somebody's file.
  static Result<> take(const Obtained& obtained, const std::filesystem::path& target) {
    if (obtained.from.is_local) {
      if (Result<> copied = copy_file(obtained.path, target, max_model_bytes); !copied) {
        return copied;
      }
      const auto copy = hash_file(target);
      if (!copy || copy->sha256 != obtained.hash.sha256) {
        return fail(Code::invalid_argument,
                    format_text("{}: changed while it was copied", obtained.path.string()));
      }
      return {};
    }
    // Moved, never linked: the next pull may write to what it finds among the downloads.
    std::error_code error;
    std::filesystem::rename(obtained.path, target, error);
    return error ? fail(Code::failed_precondition, format_text("{}: can't be put in place: {}",
                                                               target.string(), error.message()))
                 : Result<>{};
  }

  /// The last look before it becomes visible: a TensorFlow Lite flatbuffer by its identifier.
  [[nodiscard]] Result<> check_model(const std::filesystem::path& model, Pulled& pulled) const {
    auto hash = hash_file(model);
    if (!hash) {
      return std::unexpected(std::move(hash).error());
    }
    std::string identifier;
    const Result<> read = for_each_piece(model, [&](std::span<const std::byte> piece) -> Result<> {
      if (piece.size() >= 8) {
        identifier.assign(reinterpret_cast<const char*>(piece.data()) + 4, 4);
      }
      return fail(Code::cancelled, "that was enough");
    });
    static_cast<void>(read);  // no identifier then
    if (identifier != "TFL3") {
      return fail(Code::invalid_argument,
                  format_text("{}: want a TensorFlow Lite model, found none{}", entry_.url,
                              hint_of(model)));
    }
    pulled.sha256 = std::move(hash->sha256);
    pulled.bytes = hash->bytes;
    return {};
  }

  void note(const std::string& text) const {
    if (settings_.fetch.on_note) {
      settings_.fetch.on_note(text);
    }
  }

  const Entry& entry_;
  const Store& store_;
  const PullSettings& settings_;
  Workspace workspace_;
};

}  // namespace

Result<Pulled> pull(const Entry& entry, const Store& store, const PullSettings& settings) {
  return Pull(entry, store, settings).run();
}

}  // namespace gantry::zoo
