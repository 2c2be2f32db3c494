// What is done with an open device: ioctl, copies of its descriptor, close.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "device_file.h"
#include "ioctl.h"
#include "real.h"

using gantry::emulator::close_device;
using gantry::emulator::device_ioctl;
using gantry::emulator::is_device;
using gantry::emulator::may_be_device;
using gantry::emulator::note_copy;

namespace {

/// All of DRM's requests have this type, and hardly anything else does.
constexpr unsigned long drm_type = 'd';

bool copies(int command) { return command == F_DUPFD || command == F_DUPFD_CLOEXEC; }

}  // namespace

GANTRY_HOOK int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if ((request >> 8U & 0xFFU) != drm_type || !is_device(fd)) {
    return REAL(ioctl)(fd, request, argument);
  }
  const int error = device_ioctl(fd, request, argument);
  if (error != 0) {
    errno = error;
    return -1;
  }
  return 0;
}

// The third argument is an int or a pointer; both travel as a pointer where we run.
GANTRY_HOOK int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const int result = REAL(fcntl)(fd, command, argument);
  if (copies(command)) {
    note_copy(fd, result);
  }
  return result;
}
GANTRY_HOOK int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const int result = REAL(fcntl64)(fd, command, argument);
  if (copies(command)) {
    note_copy(fd, result);
  }
  return result;
}

GANTRY_HOOK int dup(int fd) noexcept {
  const int copy = REAL(dup)(fd);
  note_copy(fd, copy);
  return copy;
}
GANTRY_HOOK int dup2(int fd, int to) noexcept {
  const int copy = REAL(dup2)(fd, to);
  note_copy(fd, copy);
  return copy;
}
GANTRY_HOOK int dup3(int fd, int to, int flags) noexcept {
  const int copy = REAL(dup3)(fd, to, flags);
  note_copy(fd, copy);
  return copy;
}

GANTRY_HOOK int close(int fd) {
  return may_be_device(fd) ? close_device(fd, REAL(close)) : REAL(close)(fd);
}
