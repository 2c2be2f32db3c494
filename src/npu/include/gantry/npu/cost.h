#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/npu/rules.h"

namespace gantry::npu {

/// Multiply-accumulate operations (MACs) of an operator; 0 for operators without any. Saturates.
[[nodiscard]] std::uint64_t macs_of(const Graph& graph, const Operator& op);

/// How many times the driver starts the NPU for a convolution: more than once if the input does not
/// fit into the buffer (rocket-npu.md E.9). 1 for everything else.
[[nodiscard]] std::size_t task_count(const Graph& graph, const Operator& op);

/// The parameters of the time model of rocket-npu.md F.
struct TimeModel {
  double clock_hz = 200e6;  ///< the clock at which mainline Linux leaves the NPU
  double macs_per_cycle = 1024;
  /// The memory's theoretical rate, shared with the rest of the chip.
  double bytes_per_second = 34e9;
  double task_us = 25;
  double partition_us = 50;
  double border_ns_per_byte = 1;
  double depthwise_use = 1.0 / 16;  ///< of the multipliers: a guess
};

struct PartitionCost {
  std::uint64_t macs = 0;
  std::uint64_t bytes_in = 0;   ///< converted and copied to the NPU
  std::uint64_t bytes_out = 0;  ///< and back
  std::size_t tasks = 0;
  double ms = 0;
};

struct Cost {
  std::vector<std::uint64_t> macs;  ///< of each operator
  std::uint64_t total_macs = 0;
  std::uint64_t npu_macs = 0;             ///< of the operators that the guard gives to the NPU
  std::vector<PartitionCost> partitions;  ///< the guarded ones
  PartitionCost npu;                      ///< all partitions together
  /// 0 where the model has no multiplications.
  [[nodiscard]] double share() const noexcept {
    return total_macs == 0 ? 0 : static_cast<double>(npu_macs) / static_cast<double>(total_macs);
  }
};

/// What the guarded classification costs. The time is that of the NPU's part alone; there is no
/// model for the operators that stay on the CPU. Boards take longer: the model gives 6 ms for
/// MobileNet V1 (measured: 11 to 18), 6 for V2 (21) and 8 for SSD MobileNet V1 (20 to 23).
[[nodiscard]] Cost cost_of(const Graph& graph, const Classification& classification,
                           const TimeModel& model = {});

}  // namespace gantry::npu
