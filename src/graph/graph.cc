#include "gantry/graph/graph.h"

namespace gantry::graph {

Links::Links(const Graph& graph)
    : producer(graph.tensors.size(), -1),
      consumers(graph.tensors.size()),
      is_output(graph.tensors.size(), false) {
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    const Operator& op = graph.operators[i];
    for (const std::int32_t tensor : op.inputs) {
      if (tensor >= 0) {
        consumers[static_cast<std::size_t>(tensor)].push_back(static_cast<std::int32_t>(i));
      }
    }
    for (const std::int32_t tensor : op.outputs) {
      if (tensor >= 0) {
        producer[static_cast<std::size_t>(tensor)] = static_cast<std::int32_t>(i);
      }
    }
  }
  for (const std::int32_t tensor : graph.outputs) {
    is_output[static_cast<std::size_t>(tensor)] = true;
  }
}

}  // namespace gantry::graph
