// open(2) and its family: the device node opens the device, what is beside it is in the
// emulator's root.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "device_file.h"
#include "paths.h"
#include "real.h"

using gantry::emulator::is_active;
using gantry::emulator::is_device_below;
using gantry::emulator::is_device_path;
using gantry::emulator::open_device;
using gantry::emulator::Redirected;

namespace {

bool opens_device(const char* path, int flags) {
  return (flags & (O_PATH | O_DIRECTORY)) == 0 && is_device_path(path) && is_active();
}

bool opens_device_at(int folder, const char* path, int flags) {
  if (path == nullptr || path[0] == '/' || folder == AT_FDCWD) {
    return opens_device(path, flags);
  }
  return (flags & (O_PATH | O_DIRECTORY)) == 0 && is_device_below(folder, path);
}

}  // namespace

// The mode is read where it may be missing, as libc itself does: then nobody looks at it.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): va_start wants the function itself
#define MODE_OF(last)                          \
  va_list arguments;                           \
  va_start(arguments, last);                   \
  const auto mode = va_arg(arguments, mode_t); \
  va_end(arguments)

GANTRY_HOOK int open(const char* path, int flags, ...) {
  MODE_OF(flags);
  return opens_device(path, flags) ? open_device(flags)
                                   : REAL(open)(Redirected(path).get(), flags, mode);
}
GANTRY_HOOK int open64(const char* path, int flags, ...) {
  MODE_OF(flags);
  return opens_device(path, flags) ? open_device(flags)
                                   : REAL(open64)(Redirected(path).get(), flags, mode);
}
GANTRY_HOOK int openat(int folder, const char* path, int flags, ...) {
  MODE_OF(flags);
  return opens_device_at(folder, path, flags)
             ? open_device(flags)
             : REAL(openat)(folder, Redirected(path).get(), flags, mode);
}
GANTRY_HOOK int openat64(int folder, const char* path, int flags, ...) {
  MODE_OF(flags);
  return opens_device_at(folder, path, flags)
             ? open_device(flags)
             : REAL(openat64)(folder, Redirected(path).get(), flags, mode);
}

// What a program calls that was compiled with _FORTIFY_SOURCE, and knows no mode.
// NOLINTBEGIN(bugprone-reserved-identifier): libc's names
GANTRY_HOOK int __open_2(const char* path, int flags) { return open(path, flags); }
GANTRY_HOOK int __open64_2(const char* path, int flags) { return open64(path, flags); }
GANTRY_HOOK int __openat_2(int folder, const char* path, int flags) {
  return openat(folder, path, flags);
}
GANTRY_HOOK int __openat64_2(int folder, const char* path, int flags) {
  return openat64(folder, path, flags);
}
// NOLINTEND(bugprone-reserved-identifier)

GANTRY_HOOK DIR* opendir(const char* path) { return REAL(opendir)(Redirected(path).get()); }

GANTRY_HOOK ssize_t readlink(const char* path, char* buffer, size_t size) noexcept {
  return REAL(readlink)(Redirected(path).get(), buffer, size);
}
GANTRY_HOOK ssize_t readlinkat(int folder, const char* path, char* buffer, size_t size) noexcept {
  return REAL(readlinkat)(folder, Redirected(path).get(), buffer, size);
}

GANTRY_HOOK char* realpath(const char* path, char* resolved) noexcept {
  const Redirected real(path);
  if (!real.is_redirected()) {
    return REAL(realpath)(path, resolved);
  }
  // There are no links below /dev/accel: what exists there is its own real path.
  if (access(path, F_OK) != 0) {
    return nullptr;
  }
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): the caller frees it
  char* out = resolved != nullptr ? resolved : static_cast<char*>(std::malloc(PATH_MAX));
  return out == nullptr ? nullptr : std::strncpy(out, path, PATH_MAX - 1);
}
