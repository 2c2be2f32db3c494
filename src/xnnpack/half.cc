#include "half.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "site.h"

namespace gantry::xnnpack {
namespace {

/// A DEQUANTIZE of a float16 constant to float32, both as large as their shape says.
bool is_widening(const Graph& graph, const Operator& op) {
  if (op.op != Op::dequantize || op.inputs.size() != 1 || op.outputs.size() != 1 ||
      op.inputs[0] < 0 || op.outputs[0] < 0) {
    return false;
  }
  const Tensor& from = graph.tensors[static_cast<std::size_t>(op.inputs[0])];
  const Tensor& to = graph.tensors[static_cast<std::size_t>(op.outputs[0])];
  const auto count = element_count(from.shape);
  return from.constant && from.dtype == DType::float16 && to.dtype == DType::float32 &&
         !to.constant && from.shape == to.shape && count && *count > 0 &&
         from.data.size() == *count * sizeof(_Float16);
}

}  // namespace

Widened widen(graph::Graph graph) {
  Widened made{.graph = std::move(graph), .values = {}};
  for (const Operator& op : made.graph.operators) {
    if (!is_widening(made.graph, op)) {
      continue;
    }
    const Tensor& from = made.graph.tensors[static_cast<std::size_t>(op.inputs[0])];
    Tensor& to = made.graph.tensors[static_cast<std::size_t>(op.outputs[0])];
    if (!to.data.empty()) {
      continue;  // written by two operators
    }
    std::vector<float>& values = made.values.emplace_back(from.data.size() / sizeof(_Float16));
    for (std::size_t i = 0; i < values.size(); ++i) {
      _Float16 half = 0;
      std::memcpy(&half, from.data.data() + (i * sizeof(half)),
                  sizeof(half));  // need not be aligned
      values[i] = static_cast<float>(half);
    }
    to.data = std::as_bytes(std::span(values));
  }
  return made;
}

bool widens_constant(const graph::Graph& graph, const graph::Operator& op) {
  return is_widening(graph, op) &&
         !graph.tensors[static_cast<std::size_t>(op.outputs[0])].data.empty();
}

}  // namespace gantry::xnnpack
