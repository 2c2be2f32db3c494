// stat(2) and its family: the emulator's node looks like a character device, and so does an open
// device.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "device_file.h"
#include "gantry/emulator_wire/wire.h"
#include "paths.h"
#include "real.h"

using gantry::emulator::is_device;
using gantry::emulator::is_node;
using gantry::emulator::make_node;
using gantry::emulator::may_be_device;
using gantry::emulator::Redirected;

static_assert(sizeof(struct stat) == sizeof(struct stat64));

namespace {

void look_like_node(struct stat* status) {
  if (is_node(*status)) {
    make_node(*status);
  }
}

int finish(int result, void* status) {
  if (result == 0) {
    look_like_node(static_cast<struct stat*>(status));
  }
  return result;
}

int finish_fd(int result, int fd, void* status) {
  if (result == 0 && may_be_device(fd) && is_device(fd)) {
    auto& found = *static_cast<struct stat*>(status);
    found.st_mode = 0660;
    make_node(found);
    return 0;
  }
  return finish(result, status);
}

/// A node without any permission is one that nobody may open, root neither.
bool is_forbidden(const Redirected& path) {
  struct stat status{};
  return path.is_redirected() && REAL(stat)(path.get(), &status) == 0 && is_node(status) &&
         (status.st_mode & 0777U) == 0;
}

}  // namespace

GANTRY_HOOK int stat(const char* path, struct stat* status) noexcept {
  return finish(REAL(stat)(Redirected(path).get(), status), status);
}
GANTRY_HOOK int stat64(const char* path, struct stat64* status) noexcept {
  return finish(REAL(stat64)(Redirected(path).get(), status), status);
}
GANTRY_HOOK int lstat(const char* path, struct stat* status) noexcept {
  return finish(REAL(lstat)(Redirected(path).get(), status), status);
}
GANTRY_HOOK int lstat64(const char* path, struct stat64* status) noexcept {
  return finish(REAL(lstat64)(Redirected(path).get(), status), status);
}
GANTRY_HOOK int fstat(int fd, struct stat* status) noexcept {
  return finish_fd(REAL(fstat)(fd, status), fd, status);
}
GANTRY_HOOK int fstat64(int fd, struct stat64* status) noexcept {
  return finish_fd(REAL(fstat64)(fd, status), fd, status);
}
GANTRY_HOOK int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept {
  return finish(REAL(fstatat)(folder, Redirected(path).get(), status, flags), status);
}
GANTRY_HOOK int fstatat64(int folder, const char* path, struct stat64* status, int flags) noexcept {
  return finish(REAL(fstatat64)(folder, Redirected(path).get(), status, flags), status);
}

GANTRY_HOOK int statx(int folder, const char* path, int flags, unsigned mask,
                      struct statx* status) noexcept {
  const int result = REAL(statx)(folder, Redirected(path).get(), flags, mask, status);
  if (result == 0) {
    struct stat plain{};
    plain.st_mode = status->stx_mode;
    plain.st_size = static_cast<off_t>(status->stx_size);
    plain.st_ino = status->stx_ino;
    plain.st_dev = makedev(status->stx_dev_major, status->stx_dev_minor);
    if (is_node(plain)) {
      status->stx_mode =
          static_cast<decltype(status->stx_mode)>(S_IFCHR | (status->stx_mode & 07777U));
      status->stx_rdev_major = gantry::emulator::wire::accel_major;
      status->stx_rdev_minor = 0;
    }
  }
  return result;
}

GANTRY_HOOK int access(const char* path, int how) noexcept {
  const Redirected real(path);
  if (how != F_OK && is_forbidden(real)) {
    errno = EACCES;
    return -1;
  }
  return REAL(access)(real.get(), how);
}
GANTRY_HOOK int faccessat(int folder, const char* path, int how, int flags) noexcept {
  const Redirected real(path);
  if (how != F_OK && is_forbidden(real)) {
    errno = EACCES;
    return -1;
  }
  return REAL(faccessat)(folder, real.get(), how, flags);
}
GANTRY_HOOK int euidaccess(const char* path, int how) noexcept {
  return faccessat(AT_FDCWD, path, how, AT_EACCESS);
}
GANTRY_HOOK int eaccess(const char* path, int how) noexcept { return euidaccess(path, how); }
