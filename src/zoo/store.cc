#include "gantry/zoo/store.h"

#include <system_error>
#include <utility>

#include "files.h"
#include "gantry/base/deadline.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "record.h"
#include "workspace.h"

namespace gantry::zoo {
namespace {

/// Holds one file against what is wanted; adds what is wrong to `problems`.
Result<FileHash> check(const std::filesystem::path& path, const std::string& wanted,
                       std::vector<std::string>& problems) {
  auto found = hash_file(path);
  if (!found) {
    return found;
  }
  if (found->sha256 != wanted) {
    problems.push_back(format_text("{}: want sha256 {}, found {} ({} bytes)", path.string(), wanted,
                                   found->sha256, found->bytes));
  }
  return found;
}

std::string missing(const Entry& entry) { return format_text("{}: not installed", entry.name); }

}  // namespace

std::filesystem::path Store::folder(const Entry& entry) const {
  return root_ / entry.name / std::to_string(entry.version);
}

std::filesystem::path Store::model(const Entry& entry) const { return folder(entry) / model_file; }

Store::Status Store::status(const Entry& entry) const {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(model(entry), error);
  if (error) {
    return {};
  }
  const auto& wanted = entry.model().bytes;
  return {.state = wanted && *wanted != bytes ? State::wrong_size : State::installed,
          .bytes = bytes};
}

Result<Store::Checked> Store::verify(const Entry& entry) const {
  if (status(entry).state == State::absent) {
    return fail(Code::not_found, missing(entry));
  }
  const auto record = read_record(folder(entry));
  std::string wanted = entry.model().sha256;
  if (wanted.empty() && record) {
    wanted = record->model_sha256;
  }
  if (wanted.empty()) {
    return fail(Code::failed_precondition,
                format_text("{}: neither the manifest nor {} knows a checksum", entry.name,
                            (folder(entry) / record_file).string()));
  }
  Checked checked;
  auto model_hash = check(model(entry), wanted, checked.problems);
  if (!model_hash) {
    return std::unexpected(std::move(model_hash).error());
  }
  checked.sha256 = std::move(model_hash->sha256);
  checked.bytes = model_hash->bytes;
  if (entry.labels.from == LabelsFrom::url || entry.labels.from == LabelsFrom::archive) {
    wanted = entry.labels.content.sha256;
    if (wanted.empty() && record) {
      wanted = record->labels_sha256;
    }
    if (const auto found = check(folder(entry) / labels_file, wanted, checked.problems); !found) {
      checked.problems.push_back(found.error().message);
    }
  }
  return checked;
}

Result<> Store::remove(const Entry& entry, std::chrono::milliseconds lock_wait) const {
  const Workspace workspace(root_, entry.name);
  const bool is_there = status(entry).state != State::absent;
  std::error_code error;
  if (!is_there && !std::filesystem::exists(workspace.downloads(), error)) {
    return fail(Code::not_found, missing(entry));
  }
  if (is_there) {
    const auto record = read_record(folder(entry));
    if (!record) {
      return fail(Code::failed_precondition,
                  format_text("{}: `gantry models pull` did not put this here ({})",
                              folder(entry).string(), record.error().message));
    }
  }
  const auto lock = workspace.lock(Deadline::after(lock_wait), {});
  if (!lock) {
    return std::unexpected(lock.error());
  }
  workspace.clean();
  if (is_there) {
    // Out of sight first: removing the files takes more than one step.
    const auto away = workspace.staging();
    if (!away) {
      return std::unexpected(away.error());
    }
    if (Result<> moved = publish_folder(folder(entry), away->path() / "removed"); !moved) {
      return moved;
    }
    std::filesystem::remove(folder(entry).parent_path(), error);  // if this was its only version
  }
  std::filesystem::remove_all(workspace.downloads(), error);
  return {};
}

Result<std::filesystem::path> find_installed(std::string_view name,
                                             const std::filesystem::path& root) {
  std::filesystem::path best;
  std::int64_t best_version = 0;
  if (is_model_name(name)) {
    std::error_code error;
    std::filesystem::directory_iterator it(root / name, error);
    for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      const auto version = parse_int(it->path().filename().string());
      const auto file = it->path() / model_file;
      std::error_code ignored;
      if (version && *version > best_version && std::filesystem::is_regular_file(file, ignored)) {
        best_version = *version;
        best = file;
      }
    }
  }
  if (best.empty()) {
    return fail(Code::not_found,
                format_text("no model {} below {}", in_quotes(name), root.string()));
  }
  return best;
}

}  // namespace gantry::zoo
