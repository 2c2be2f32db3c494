#pragma once

#include <string>
#include <string_view>

#include "gantry/emulator_device/device.h"
#include "gantry/emulator_device/settings.h"
#include "system_root.h"

namespace gantry::emulator {

/// The control language: Settings' commands, and "status" (JSON), "temperature C", "vanish" (the
/// device is removed at once). Threads: thread-safe.
class Control {
 public:
  /// All must outlive it.
  Control(Settings& settings, Device& device, const SystemRoot& root)
      : settings_(settings), device_(device), root_(root) {}

  /// "ok", "ok DATA" or "error WHY", without a newline.
  [[nodiscard]] std::string answer(std::string_view line);

 private:
  [[nodiscard]] std::string status() const;

  Settings& settings_;
  Device& device_;
  const SystemRoot& root_;
};

}  // namespace gantry::emulator
