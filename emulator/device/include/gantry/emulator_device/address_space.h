#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"
#include "gantry/emulator_compute/execute.h"

namespace gantry::emulator {

/// The result of an ioctl; the error is a value of <cerrno>.
template <class T = void>
using IoResult = std::expected<T, int>;

/// The 4 GiB that one open file's jobs see, backed by an anonymous file that other processes map:
/// the NPU's address of a byte is its offset in that file. Pages exist once they are touched.
/// Threads: thread-safe.
class AddressSpace : public Memory {
 public:
  static constexpr std::uint64_t size_bytes = std::uint64_t{1} << 32U;
  static constexpr std::uint64_t page_bytes = 4096;

  /// Errors: unavailable with the system's reason.
  [[nodiscard]] static Result<std::unique_ptr<AddressSpace>> create();
  ~AddressSpace() override;
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  /// The backing file. It may grow but never shrink (sealed), so that no process with a copy of the
  /// descriptor can take away memory that is in use.
  [[nodiscard]] int fd() const { return file_.get(); }

  /// Maps the lowest free pages that are large enough; all their bytes are 0. Errors: EINVAL for 0
  /// bytes, ENOMEM if there is no room.
  [[nodiscard]] IoResult<std::uint32_t> allocate(std::uint64_t bytes);
  /// Unmaps the pages that allocate() returned.
  void release(std::uint32_t address);

  /// Null unless each byte is in an allocation. As with an IOMMU, the bytes may be in several
  /// adjacent allocations.
  [[nodiscard]] std::byte* at(std::uint64_t address, std::uint64_t bytes) const override;

 private:
  AddressSpace(UniqueFd file, std::byte* base) : file_(std::move(file)), base_(base) {}

  UniqueFd file_;
  std::byte* base_;
  mutable std::mutex mutex_;
  std::uint64_t file_bytes_ = 0;
  std::map<std::uint64_t, std::uint64_t> allocated_;  ///< address → bytes, whole pages
};

}  // namespace gantry::emulator
