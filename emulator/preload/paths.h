#pragma once

#include <sys/stat.h>

#include <array>
#include <climits>

namespace gantry::emulator {

/// Is the emulator there at all? Without it every hook only passes on.
[[nodiscard]] bool is_active();

/// Does `path` (absolute) name the device node?
[[nodiscard]] bool is_device_path(const char* path);

/// Where a path at or below /dev/accel really is: in the emulator's root. Others stay as they are.
class Redirected {
 public:
  explicit Redirected(const char* path);
  [[nodiscard]] const char* get() const { return path_; }
  [[nodiscard]] bool is_redirected() const { return path_ == buffer_.data(); }

 private:
  std::array<char, PATH_MAX> buffer_;  // not set: 4 KiB for each open() that is not ours
  const char* path_;
};

/// Is it the regular file that stands for the device node in the emulator's root?
[[nodiscard]] bool is_node(const struct stat& status);
/// Makes a file's status one of a device node.
void make_node(struct stat& status);
/// Is `name`, relative to the open folder `folder`, the device node?
[[nodiscard]] bool is_device_below(int folder, const char* name);

}  // namespace gantry::emulator
