#include "paths.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "gantry/emulator_wire/wire.h"
#include "real.h"

namespace gantry::emulator {
namespace {

constexpr std::string_view folder = "/dev/accel";
constexpr const char* node_path = "/dev/accel/accel0";
constexpr std::string_view node = node_path;

const char* root() {
  return std::getenv(wire::root_variable);  // NOLINT(concurrency-mt-unsafe): read only
}

}  // namespace

bool is_active() {
  return std::getenv(wire::socket_variable) != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

bool is_device_path(const char* path) { return path != nullptr && path == node; }

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): see buffer_
Redirected::Redirected(const char* path) : path_(path) {
  if (path == nullptr || path[0] != '/') {
    return;
  }
  const std::string_view name(path);
  if (!name.starts_with(folder) || (name.size() > folder.size() && name[folder.size()] != '/') ||
      !is_active() || root() == nullptr) {
    return;
  }
  const int length = std::snprintf(buffer_.data(), buffer_.size(), "%s%s", root(), path);
  if (length > 0 && static_cast<std::size_t>(length) < buffer_.size()) {
    path_ = buffer_.data();
  }
}

bool is_node(const struct stat& status) {
  if (!S_ISREG(status.st_mode) || status.st_size != 0 || !is_active()) {
    return false;
  }
  const Redirected real(node_path);
  struct stat known{};
  return real.is_redirected() && REAL(stat)(real.get(), &known) == 0 &&
         known.st_dev == status.st_dev && known.st_ino == status.st_ino;
}

void make_node(struct stat& status) {
  status.st_mode = S_IFCHR | (status.st_mode & 07777U);
  status.st_rdev = makedev(wire::accel_major, 0);
  status.st_size = 0;
}

bool is_device_below(int folder_fd, const char* name) {
  if (name == nullptr || !std::string_view(name).starts_with("accel") || !is_active()) {
    return false;
  }
  struct stat status{};
  return REAL(fstatat)(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && is_node(status);
}

}  // namespace gantry::emulator
