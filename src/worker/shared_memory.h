#pragma once

#include <cstddef>
#include <span>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::worker {

/// Memory that two processes share. Neither can change its size, so no access raises SIGBUS.
/// Threads: reentrant.
class SharedMemory {
 public:
  SharedMemory() = default;
  /// New memory, filled with zeros. `bytes` must be positive. Errors: unavailable with the system's
  /// reason.
  [[nodiscard]] static Result<SharedMemory> create(std::size_t bytes);
  /// Opens memory that create() made in another process.
  /// Errors: invalid_argument if it does not have this size, or if its size may change.
  [[nodiscard]] static Result<SharedMemory> open(UniqueFd fd, std::size_t bytes);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  [[nodiscard]] static Result<SharedMemory> map(UniqueFd fd, std::size_t bytes);
  UniqueFd fd_;
  std::span<std::byte> bytes_;
};

}  // namespace gantry::worker
