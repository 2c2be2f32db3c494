#pragma once

#include <sys/stat.h>

#include <array>
#include <climits>

namespace gantry::emulator {

/// Whether there is an emulator. Without it, every hook calls the real function only.
[[nodiscard]] bool is_active();

/// Whether `path` (absolute) names the device node.
[[nodiscard]] bool is_device_path(const char* path);

/// The real path for a path at or below /dev/accel: in the emulator's root. Other paths do not
/// change.
class Redirected {
 public:
  explicit Redirected(const char* path);
  [[nodiscard]] const char* get() const { return path_; }
  [[nodiscard]] bool is_redirected() const { return path_ == buffer_.data(); }

 private:
  std::array<char, PATH_MAX> buffer_;  // not set: 4 KiB for each open() that is not ours
  const char* path_;
};

/// Whether it is the regular file that stands for the device node in the emulator's root.
[[nodiscard]] bool is_node(const struct stat& status);
/// Turns a file's status into that of a device node.
void make_node(struct stat& status);
/// Whether `name`, relative to the open folder `folder`, is the device node.
[[nodiscard]] bool is_device_below(int folder, const char* name);

}  // namespace gantry::emulator
