#pragma once

#include <filesystem>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// A folder that looks like / of a board with the mainline driver: /dev/accel (what the preload
/// library redirects to), /sys with the cores, their clock and the NPU's thermal zone, /proc with
/// modules and the kernel's release. For programs that take the system's root as a setting.
class SystemRoot {
 public:
  /// Writes the tree below `root`, which is made. Errors: unavailable with the system's reason.
  [[nodiscard]] static Result<SystemRoot> make(const std::filesystem::path& root);

  [[nodiscard]] const std::filesystem::path& path() const { return root_; }

  /// The device node: there or not, and for everybody or for nobody.
  void show_node(bool is_there, bool is_allowed) const;
  void set_temperature(double celsius) const;
  void set_clock(double hz) const;

 private:
  explicit SystemRoot(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

}  // namespace gantry::emulator
