#pragma once

#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/xnnpack/rules.h"

namespace gantry::xnnpack {

/// A graph in which each float32 tensor has data that a DEQUANTIZE makes of a float16 constant: so
/// do converters halve a float model's file. The tensor stays one that is computed (`constant` is
/// false), but what it will hold is known.
struct Widened {
  graph::Graph graph;
  std::vector<std::vector<float>> values;  ///< what those data are
};
/// Threads: reentrant.
[[nodiscard]] Widened widen(graph::Graph graph);

/// Whether an operator of a widened graph does no more than that.
[[nodiscard]] bool widens_constant(const graph::Graph& graph, const graph::Operator& op);

/// choose() for who has widened the graph already.
[[nodiscard]] Choice choose(const Widened& model, const std::vector<bool>& offered = {});

}  // namespace gantry::xnnpack
