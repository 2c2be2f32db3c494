#pragma once

#include <cstddef>
#include <string>

#include "gantry/backend/device_policy.h"
#include "gantry/backend/npu_factory.h"
#include "gantry/cli/options.h"

namespace gantry::cli {

/// The settings about the NPU that `serve`, `run` and `bench` share.
struct NpuOptions {
  std::string device = "auto";
  std::size_t slots = 3;
  backend::NpuSettings settings;

  void add_to(Options& options);
  /// Adds all but --npu-slots, for commands that work on one thing at a time.
  void add_without_slots_to(Options& options);
  [[nodiscard]] backend::DeviceWanted wanted() const;
};

}  // namespace gantry::cli
