#include "gantry/emulator_device/address_space.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"

namespace gantry::emulator {
namespace {

std::unexpected<Error> system_error(const char* what) {
  return fail(Code::unavailable, format_text("{}: {}", what, errno_text(errno)));
}

}  // namespace

Result<std::unique_ptr<AddressSpace>> AddressSpace::create() {
  UniqueFd file(memfd_create("gantry-npu", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    return system_error("memfd_create");
  }
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    return system_error("sealing shared memory");
  }
  void* base =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (base == MAP_FAILED) {
    return system_error("mapping an address space");
  }
  return std::unique_ptr<AddressSpace>(
      new AddressSpace(std::move(file), static_cast<std::byte*>(base)));
}

AddressSpace::~AddressSpace() { munmap(base_, size_bytes); }

IoResult<std::uint32_t> AddressSpace::allocate(std::uint64_t bytes) {
  if (bytes == 0) {
    return std::unexpected(EINVAL);
  }
  const std::uint64_t wanted = (bytes + page_bytes - 1) / page_bytes * page_bytes;
  const std::scoped_lock lock(mutex_);
  std::uint64_t address = 0;
  for (const auto& [start, length] : allocated_) {
    if (start - address >= wanted) {
      break;
    }
    address = start + length;
  }
  if (wanted > size_bytes - address) {
    return std::unexpected(ENOMEM);
  }
  if (address + wanted > file_bytes_) {
    if (ftruncate(file_.get(), static_cast<off_t>(address + wanted)) != 0) {
      return std::unexpected(ENOMEM);
    }
    file_bytes_ = address + wanted;
  }
  allocated_.emplace(address, wanted);
  return static_cast<std::uint32_t>(address);
}

void AddressSpace::release(std::uint32_t address) {
  const std::scoped_lock lock(mutex_);
  const auto found = allocated_.find(address);
  if (found == allocated_.end()) {
    return;
  }
  // The pages go back to the system, and read as 0 when they are handed out again.
  fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, address,
            static_cast<off_t>(found->second));
  allocated_.erase(found);
}

std::byte* AddressSpace::at(std::uint64_t address, std::uint64_t bytes) const {
  if (bytes > size_bytes || address > size_bytes - bytes) {
    return nullptr;
  }
  const std::scoped_lock lock(mutex_);
  auto after = allocated_.upper_bound(address);
  if (after == allocated_.begin()) {
    return nullptr;
  }
  std::uint64_t mapped_to = 0;
  for (auto it = std::prev(after); it != allocated_.end(); ++it) {
    if (mapped_to != 0 && it->first != mapped_to) {
      break;
    }
    mapped_to = it->first + it->second;
    if (mapped_to >= address + bytes) {
      return base_ + address;
    }
  }
  return nullptr;
}

}  // namespace gantry::emulator
