#include "settings/npu_options.h"

namespace gantry::cli {

void NpuOptions::add_to(Options& options) {
  options.integer("npu-slots", slots, 1, 64,
                  "inferences at the same time on the NPU, each in a process of its own [3]");
  add_without_slots_to(options);
}

void NpuOptions::add_without_slots_to(Options& options) {
  options.choice("device", {"auto", "npu", "cpu"}, device,
                 "auto: the NPU where it is there and proven, else the CPU; npu: refuse without "
                 "[auto]");
  options.path("teflon", "FILE", settings.teflon, "this libteflon.so, instead of searching");
  options.path("system-root", "DIR", settings.system_root,
               "look for the NPU in this folder as if it were / [/]");
  options.duration("npu-proof-timeout", settings.proof_timeout,
                   "to prove the model on the NPU at load; then it is not used [60s]");
  options.duration("npu-timeout", settings.invoke_timeout,
                   "for one inference on the NPU; then its process is replaced [10s]");
}

backend::DeviceWanted NpuOptions::wanted() const {
  if (device == "npu") {
    return backend::DeviceWanted::npu;
  }
  return device == "cpu" ? backend::DeviceWanted::cpu : backend::DeviceWanted::automatic;
}

}  // namespace gantry::cli
