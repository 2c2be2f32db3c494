#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry {

/// Bytes that nobody can change, in memory that can be passed to other processes of this machine: a
/// sealed memory file (memfd_create(2), F_SEAL_WRITE and the other seals), mapped read-only. No
/// access raises SIGBUS, whatever happens to the file that the bytes were read from.
///
/// The cost is one copy of the file when it is read. The bytes are in memory once, for any number
/// of processes. Copies of the object share the bytes. Threads: thread-safe.
class SealedBytes {
 public:
  SealedBytes() = default;  ///< no bytes, no descriptor
  /// Reads a whole regular file as it was at one moment: if the file changes meanwhile, or was
  /// written to within the last 20 ms, waits and reads it again. It cannot know of a writer that
  /// pauses, nor of one write that lasts longer than 20 ms: it goes by the file's times.
  /// Errors: as read_file; unavailable if the file goes on changing for a second, or if there is no
  ///         memory.
  [[nodiscard]] static Result<SealedBytes> read(const std::filesystem::path& path,
                                                std::size_t max_bytes);
  /// Errors: unavailable if there is no memory.
  [[nodiscard]] static Result<SealedBytes> copy(std::span<const std::byte> bytes);
  /// Takes the bytes of another process, by the descriptor that the process passed on.
  /// Errors: invalid_argument if it is not sealed; out_of_range above `max_bytes`.
  [[nodiscard]] static Result<SealedBytes> adopt(UniqueFd fd, std::size_t max_bytes);
  /// Seals a memory file of make_memory_file() after it has been written.
  /// Errors: as adopt(); invalid_argument while another process can still write to it.
  [[nodiscard]] static Result<SealedBytes> seal(UniqueFd fd, std::size_t max_bytes);

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// The descriptor to pass on; -1 if there are no bytes. This object keeps owning it.
  [[nodiscard]] int fd() const noexcept;

 private:
  struct Mapping;
  explicit SealedBytes(std::shared_ptr<const Mapping> mapping) : mapping_(std::move(mapping)) {}
  std::shared_ptr<const Mapping> mapping_;
};

/// A new memory file to write to. It has no name and is closed on exec.
/// Errors: unavailable with the system's reason.
[[nodiscard]] Result<UniqueFd> make_memory_file();
/// Writes all of `bytes` at the descriptor's file position. Errors: unavailable with the system's
/// reason.
[[nodiscard]] Result<> write_all(int fd, std::span<const std::byte> bytes);

}  // namespace gantry
