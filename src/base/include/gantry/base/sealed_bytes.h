#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry {

/// Bytes that nobody can change, in memory that other processes of this machine can be given: a
/// sealed memory file (memfd_create(2), F_SEAL_WRITE and the others), mapped read-only. No access
/// raises SIGBUS, whatever becomes of the file that they came from.
///
/// Costs one copy of the file when it is read, and its size in memory once, however many processes
/// hold it. A handle: copies share the bytes. Threads: thread-safe.
class SealedBytes {
 public:
  SealedBytes() = default;  ///< no bytes, no descriptor
  /// A regular file, whole. Errors: as read_file; invalid_argument if it shrinks meanwhile;
  /// unavailable without memory.
  [[nodiscard]] static Result<SealedBytes> read(const std::filesystem::path& path,
                                                std::size_t max_bytes);
  /// Errors: unavailable without memory.
  [[nodiscard]] static Result<SealedBytes> copy(std::span<const std::byte> bytes);
  /// What another process holds, by the descriptor that it passed on.
  /// Errors: invalid_argument if it is not sealed; out_of_range above `max_bytes`.
  [[nodiscard]] static Result<SealedBytes> adopt(UniqueFd fd, std::size_t max_bytes);
  /// Seals a memory file of make_memory_file() that has been written.
  /// Errors: as adopt(); invalid_argument while somebody may still write to it.
  [[nodiscard]] static Result<SealedBytes> seal(UniqueFd fd, std::size_t max_bytes);

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// To pass on; -1 without bytes. It stays this object's.
  [[nodiscard]] int fd() const noexcept;

 private:
  struct Mapping;
  explicit SealedBytes(std::shared_ptr<const Mapping> mapping) : mapping_(std::move(mapping)) {}
  std::shared_ptr<const Mapping> mapping_;
};

/// A memory file to write to, without a name, closed on exec.
/// Errors: unavailable with the system's reason.
[[nodiscard]] Result<UniqueFd> make_memory_file();
/// Writes all of `bytes` at the descriptor's place. Errors: unavailable with the system's reason.
[[nodiscard]] Result<> write_all(int fd, std::span<const std::byte> bytes);

}  // namespace gantry
