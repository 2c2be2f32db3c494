#pragma once

#include <filesystem>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// A folder that looks like / of a board with the mainline driver: /dev/accel (the preload library
/// redirects to it), /sys with the cores, their clock and the NPU's thermal zone, /proc with
/// modules and the kernel's release. For programs that have the system's root as a setting.
class SystemRoot {
 public:
  /// Makes `root` and writes the tree below it. Errors: unavailable with the system's reason.
  [[nodiscard]] static Result<SystemRoot> make(const std::filesystem::path& root);

  [[nodiscard]] const std::filesystem::path& path() const { return root_; }

  /// Shows or hides the device node, and allows it for everybody or for nobody.
  void show_node(bool is_there, bool is_allowed) const;
  void set_temperature(double celsius) const;
  void set_clock(double hz) const;

 private:
  explicit SystemRoot(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

}  // namespace gantry::emulator
