#pragma once

#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/xnnpack/rules.h"

namespace gantry::xnnpack {

/// A graph with known values for the float32 tensors that a DEQUANTIZE makes of a float16 constant:
/// converters halve a float model's file in this way. Such a tensor has data here. It still counts
/// as computed (`constant` is false).
struct Widened {
  graph::Graph graph;
  std::vector<std::vector<float>> values;  ///< the values that these tensors' data points to
};
/// Threads: reentrant.
[[nodiscard]] Widened widen(graph::Graph graph);

/// Whether an operator of a widened graph is such a DEQUANTIZE.
[[nodiscard]] bool widens_constant(const graph::Graph& graph, const graph::Operator& op);

/// choose() for a graph that is widened already.
[[nodiscard]] Choice choose(const Widened& model, const std::vector<bool>& offered = {});

}  // namespace gantry::xnnpack
