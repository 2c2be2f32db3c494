#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "files.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"

namespace gantry::zoo {
namespace {

struct FreeArchive {
  void operator()(::archive* reader) const noexcept { archive_read_free(reader); }
};

constexpr std::size_t block_bytes = std::size_t{64} * 1024;

std::string_view without_dot(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  return path;
}

class Unpacking {
 public:
  Unpacking(const std::filesystem::path& path, std::span<const Wanted> wanted,
            const ArchiveLimits& limits)
      : path_(path), wanted_(wanted), limits_(limits), found_(wanted.size(), false) {}
  Unpacking(const Unpacking&) = delete;
  Unpacking& operator=(const Unpacking&) = delete;
  ~Unpacking() = default;

  Result<> all() {
    // Only what is asked for: each format and filter of libarchive is one more parser of foreign
    // bytes.
    if (archive_read_support_filter_gzip(reader_.get()) != ARCHIVE_OK ||
        archive_read_support_format_tar(reader_.get()) != ARCHIVE_OK) {
      return fail(Code::internal, "libarchive knows no tar or no gzip");
    }
    if (archive_read_open_filename(reader_.get(), path_.c_str(), block_bytes) != ARCHIVE_OK) {
      return damaged();
    }
    for (std::size_t members = 0;; ++members) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(reader_.get(), &entry);
      if (status == ARCHIVE_EOF) {
        break;
      }
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
        return damaged();
      }
      if (members >= limits_.max_members) {
        return fail(Code::out_of_range, format_text("{}: want at most {} members, found more",
                                                    path_.string(), limits_.max_members));
      }
      if (Result<> taken = one(*entry); !taken) {
        return taken;
      }
    }
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (!found_[i]) {
        return bad(wanted_[i].member, "want this member, found none of that name");
      }
    }
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<Error> damaged() const {
    const char* const reason = archive_error_string(reader_.get());
    return fail(Code::invalid_argument,
                format_text("{}: want a whole .tar or .tgz; {}", path_.string(),
                            reason == nullptr ? "it is damaged" : reason));
  }
  [[nodiscard]] std::unexpected<Error> bad(std::string_view member, std::string_view what) const {
    return fail(Code::invalid_argument,
                format_text("{}: {}: {}", path_.string(), in_quotes(member), what));
  }

  Result<> one(archive_entry& entry) {
    const char* const name = archive_entry_pathname(&entry);
    const std::string_view path = without_dot(name == nullptr ? "" : name);
    const auto found = std::ranges::find(
        wanted_, path, [](const Wanted& wanted) { return without_dot(wanted.member); });
    const auto declared =
        static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(&entry)));
    if (declared > limits_.max_unpacked_bytes - unpacked_) {
      return too_much(path);
    }
    if (found == wanted_.end()) {
      return pour(path, nullptr, limits_.max_unpacked_bytes);
    }
    const auto index = static_cast<std::size_t>(found - wanted_.begin());
    if (found_[index]) {
      return bad(path, "want one member of that name, found two");
    }
    if (archive_entry_hardlink(&entry) != nullptr || archive_entry_filetype(&entry) != AE_IFREG) {
      return bad(path, "want a regular file, found a link or something else");
    }
    if (declared > found->max_bytes) {
      return fail(Code::out_of_range,
                  format_text("{}: {}: want at most {}, found {}", path_.string(), in_quotes(path),
                              human_bytes(found->max_bytes), human_bytes(declared)));
    }
    found_[index] = true;
    return pour(path, &*found, found->max_bytes);
  }

  /// Reads a member's bytes, into a file if it is wanted.
  Result<> pour(std::string_view member, const Wanted* wanted, std::uint64_t most) {
    std::optional<UniqueFd> out;
    if (wanted != nullptr) {
      auto created = create_file(wanted->target);
      if (!created) {
        return std::unexpected(std::move(created).error());
      }
      out = *std::move(created);
    }
    std::uint64_t size = 0;
    for (;;) {
      const la_ssize_t count = archive_read_data(reader_.get(), buffer_.data(), buffer_.size());
      if (count == 0) {
        return {};
      }
      if (count < 0) {
        return damaged();
      }
      const auto piece = std::span(buffer_).first(static_cast<std::size_t>(count));
      size += piece.size();
      unpacked_ += piece.size();
      if (size > most || unpacked_ > limits_.max_unpacked_bytes) {
        return too_much(member);
      }
      if (out) {
        if (Result<> written = write_all(out->get(), piece, wanted->target); !written) {
          return written;
        }
      }
    }
  }

  [[nodiscard]] std::unexpected<Error> too_much(std::string_view member) const {
    return fail(Code::out_of_range,
                format_text("{}: {}: want at most {} unpacked, found more", path_.string(),
                            in_quotes(member), human_bytes(limits_.max_unpacked_bytes)));
  }

  const std::filesystem::path& path_;
  std::span<const Wanted> wanted_;
  ArchiveLimits limits_;
  std::vector<bool> found_;
  std::uint64_t unpacked_ = 0;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(block_bytes);
  std::unique_ptr<::archive, FreeArchive> reader_{archive_read_new()};
};

}  // namespace

Result<> unpack(const std::filesystem::path& archive, std::span<const Wanted> wanted,
                const ArchiveLimits& limits) {
  return Unpacking(archive, wanted, limits).all();
}

}  // namespace gantry::zoo
