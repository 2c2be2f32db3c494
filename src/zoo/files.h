#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

// Files and folders, for pulling. Unless stated otherwise, errors name the path and the system's
// reason: not_found; failed_precondition for everything else (no space, no permission).
namespace gantry::zoo {

/// "PATH: can't be WHAT: REASON" from errno.
[[nodiscard]] Error file_error(const std::filesystem::path& path, std::string_view what);

/// Calls `take` with each piece of a regular file, in order. An error of `take` ends the reading.
/// Errors: not_found too.
[[nodiscard]] Result<> for_each_piece(
    const std::filesystem::path& path,
    const std::function<Result<>(std::span<const std::byte>)>& take);

struct FileHash {
  std::string sha256;  ///< 64 lower-case hexadecimal digits
  std::uint64_t bytes = 0;
};
/// Errors: not_found; invalid_argument if it is not a regular file.
[[nodiscard]] Result<FileHash> hash_file(const std::filesystem::path& path);

[[nodiscard]] Result<> write_all(int fd, std::span<const std::byte> bytes,
                                 const std::filesystem::path& path);
/// Empties the file `path`, or makes it. Does not follow a link.
[[nodiscard]] Result<UniqueFd> create_file(const std::filesystem::path& path);
/// Errors: also out_of_range above `max_bytes`.
[[nodiscard]] Result<> copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                                 std::uint64_t max_bytes);
[[nodiscard]] Result<> make_folders(const std::filesystem::path& path);
/// Writes a file's bytes, or the names in a folder, to the disk.
[[nodiscard]] Result<> sync(const std::filesystem::path& path);

/// A folder that is removed, with everything in it, with this object.
class TemporaryFolder {
 public:
  /// `prefix` and six random characters.
  [[nodiscard]] static Result<TemporaryFolder> create(const std::filesystem::path& prefix);
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// Puts the folder `fresh` in the place of `target`, atomically: other processes see the old folder
/// or the new one. The old folder, if there was one, then has the name `fresh`.
[[nodiscard]] Result<> publish_folder(const std::filesystem::path& fresh,
                                      const std::filesystem::path& target);

/// Keeps other processes away by a lock on a file (flock). The lock ends with the process, however
/// the process ends. The file stays: if it were removed, two processes could hold the lock.
class FileLock {
 public:
  /// Waits until `deadline`; calls `on_wait` once if it has to.
  /// Errors: unavailable if another process still holds the lock then.
  [[nodiscard]] static Result<FileLock> acquire(const std::filesystem::path& path,
                                                Deadline deadline,
                                                const std::function<void()>& on_wait);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace gantry::zoo
