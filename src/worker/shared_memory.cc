#include "shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"

namespace gantry::worker {
namespace {

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::unexpected<Error> failed(std::size_t bytes, int error) {
  return fail(Code::unavailable,
              format_text("cannot share {} bytes of memory: {}", bytes, errno_text(error)));
}

}  // namespace

Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  UniqueFd fd(memfd_create("gantry-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
    return failed(bytes, errno);
  }
  return map(std::move(fd), bytes);
}

Result<SharedMemory> SharedMemory::open(UniqueFd fd, std::size_t bytes) {
  struct stat status{};
  const int found = fd ? fcntl(fd.get(), F_GET_SEALS) : -1;  // -1 of what can have none
  if (found < 0 || fstat(fd.get(), &status) != 0 || status.st_size < 0 ||
      static_cast<std::size_t>(status.st_size) != bytes || bytes == 0 || (found & seals) != seals) {
    return fail(Code::invalid_argument,
                "that is no sealed shared memory of the size it should have");
  }
  return map(std::move(fd), bytes);
}

Result<SharedMemory> SharedMemory::map(UniqueFd fd, std::size_t bytes) {
  // Touched here rather than in the first invoke.
  void* const at =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (at == MAP_FAILED) {
    return failed(bytes, errno);
  }
  SharedMemory memory;
  memory.fd_ = std::move(fd);
  memory.bytes_ = {static_cast<std::byte*>(at), bytes};
  return memory;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::move(other.fd_)), bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) {
    munmap(bytes_.data(), bytes_.size());
  }
}

}  // namespace gantry::worker
