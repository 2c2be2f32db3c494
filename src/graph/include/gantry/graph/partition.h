#pragma once

#include <cstdint>
#include <vector>

#include "gantry/graph/graph.h"

namespace gantry::graph {

/// Operators that a delegate runs as one.
struct Partition {
  std::vector<std::int32_t> operators;  ///< in the order of execution
  std::vector<std::int32_t> inputs;     ///< tensors from outside the partition, without constants
  std::vector<std::int32_t> outputs;    ///< tensors that are used outside the partition
};

/// The partitions that TensorFlow Lite makes of the operators that a delegate takes. All operators
/// that are ready form one partition, so its operators need not be neighbours. `taken`: one flag
/// for each operator. Time: linear, times a logarithm.
[[nodiscard]] std::vector<Partition> partition(const Graph& graph, const Links& links,
                                               const std::vector<bool>& taken);

}  // namespace gantry::graph
