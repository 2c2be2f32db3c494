#pragma once

#include <cstdint>
#include <vector>

#include "gantry/graph/graph.h"

namespace gantry::graph {

/// Operators that a delegate runs as one, between two crossings of the border.
struct Partition {
  std::vector<std::int32_t> operators;  ///< in the order of execution
  std::vector<std::int32_t> inputs;     ///< tensors that come from outside, constants not counted
  std::vector<std::int32_t> outputs;    ///< tensors that are wanted outside
};

/// The partitions that TensorFlow Lite makes of the operators that a delegate takes: whatever is
/// ready is taken together, so a partition is not only of neighbours. `taken`: one for each
/// operator. Linear but for a logarithm.
[[nodiscard]] std::vector<Partition> partition(const Graph& graph, const Links& links,
                                               const std::vector<bool>& taken);

}  // namespace gantry::graph
