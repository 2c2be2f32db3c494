#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"

namespace gantry {

/// Reads a whole regular file.
/// Errors: not_found; failed_precondition if it can't be opened; invalid_argument if it is not a
///         regular file or can't be read; out_of_range if it has more than `max_bytes` bytes.
[[nodiscard]] Result<std::vector<std::byte>> read_file(const std::filesystem::path& path,
                                                       std::size_t max_bytes);
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path,
                                                 std::size_t max_bytes);

/// Replaces the file `path` by one with these bytes, atomically: the new file is written beside it,
/// synced and renamed. It keeps the permission bits of the old one; where there was none it gets
/// those that the umask leaves. A symbolic link stays, and the file that it names is replaced.
/// What is there and is no regular file (a device, a FIFO; /dev/stdout, wherever that leads) is
/// opened and gets the bytes at its end; a FIFO waits for its reader.
/// Errors: invalid_argument naming the path and the system's reason, also for a directory.
[[nodiscard]] Result<> write_file(const std::filesystem::path& path,
                                  std::span<const std::byte> bytes);

/// A read-only private mapping of a whole file, to read it once and soon: if the file shrinks after
/// open(), access raises SIGBUS. To keep bytes, use SealedBytes.
/// Threads: thread-safe once open.
class MappedFile {
 public:
  /// Errors: as read_file; out_of_range above `max_bytes`. An empty file maps to an empty span.
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path,
                                               std::size_t max_bytes);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace gantry
