#include "gantry/emulator_device/timing.h"

#include <algorithm>
#include <cstdint>

namespace gantry::emulator {
namespace {

constexpr double macs_per_cycle = 1024;
constexpr double full_lanes = 32;             ///< the array is 32 by 32
constexpr double depthwise_share = 1.0 / 16;  ///< a guess
/// 128 bits a cycle: an assumption that gives MobileNet V1 the 10 to 13 ms that boards report.
constexpr double bytes_per_cycle = 16;

}  // namespace

std::chrono::nanoseconds task_time(const ConvTask& task, double clock_hz) {
  const double share = task.mode == ConvMode::depthwise
                           ? depthwise_share
                           : std::min<double>(task.input.channels, full_lanes) / full_lanes *
                                 std::min<double>(task.output.channels, full_lanes) / full_lanes;
  const double mac_cycles = static_cast<double>(task.macs()) / (macs_per_cycle * share);
  const double in_bytes =
      static_cast<double>(task.input.width) * task.input.height * task.input.lanes;
  const double out_bytes =
      static_cast<double>(task.output.width) * task.output.height * task.output.lanes;
  const double bytes =
      in_bytes + out_bytes * (task.addition ? 2 : 1) + static_cast<double>(task.weight_bytes());
  constexpr double long_enough = 3600;  // for any watchdog, and to fit the type
  const double seconds =
      std::min(std::max(mac_cycles, bytes / bytes_per_cycle) / clock_hz, long_enough);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)) + task_overhead;
}

}  // namespace gantry::emulator
