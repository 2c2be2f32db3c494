#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/xnnpack/rules.h"

namespace gantry::xnnpack {

using graph::Graph;
using graph::Op;
using graph::Operator;
using graph::Tensor;

inline constexpr std::size_t max_rank = 6;

/// One operator in its graph, as a rule sees it. Borrows all that it is made of.
struct Site {
  const Graph& graph;
  const std::vector<std::uint8_t>& writers;  ///< how often each tensor is written, at most 2
  const Operator& op;
  const Kind* kind;  ///< null: not in the table

  /// Null if there is no such input, or if it is optional and absent.
  [[nodiscard]] const Tensor* input(std::size_t i) const {
    return i < op.inputs.size() ? tensor(op.inputs[i]) : nullptr;
  }
  [[nodiscard]] const Tensor* output(std::size_t i = 0) const {
    return i < op.outputs.size() ? tensor(op.outputs[i]) : nullptr;
  }
  [[nodiscard]] bool is_parameter(std::size_t i) const {
    return kind != nullptr && i < 8 && ((kind->parameters >> i) & 1U) != 0;
  }
  /// The first input that is not a parameter: the picture, the features.
  [[nodiscard]] const Tensor* data() const;
  /// Whether it has weights: convolutions of all kinds and fully connected layers.
  [[nodiscard]] bool has_weights() const;
  [[nodiscard]] const Tensor* weights() const;
  [[nodiscard]] const Tensor* bias() const;
  /// Empty: XNNPACK has nothing for the type.
  [[nodiscard]] std::optional<Type> type() const;

 private:
  [[nodiscard]] const Tensor* tensor(std::int32_t index) const {
    return index < 0 ? nullptr : &graph.tensors[static_cast<std::size_t>(index)];
  }
};

[[nodiscard]] const Kind* find_kind(Op op);

/// Whether the values are known: a constant, or a tensor that widen() gave data to.
[[nodiscard]] inline bool is_known(const Tensor& tensor) { return !tensor.data.empty(); }

[[nodiscard]] constexpr bool is_quantized(DType type) {
  return type == DType::uint8 || type == DType::int8;
}
/// The bounds of a quantised type.
[[nodiscard]] constexpr std::int64_t lowest(DType type) { return type == DType::int8 ? -128 : 0; }
[[nodiscard]] constexpr std::int64_t highest(DType type) { return type == DType::int8 ? 127 : 255; }

/// The numbers of an int32 or int64 constant; empty for other tensors, or if its data does not fit
/// its shape.
[[nodiscard]] std::optional<std::vector<std::int64_t>> integers(const Tensor* tensor);

/// The bounds of a fused activation.
struct Range {
  float min;
  float max;
};
[[nodiscard]] std::optional<Range> range_of(graph::Activation activation);
/// The bounds of an operator that is itself an activation (RELU, RELU6, …).
[[nodiscard]] std::optional<Range> range_of(Op op);

/// The axes that MEAN reduces, ascending and each once.
[[nodiscard]] std::optional<std::vector<std::size_t>> mean_axes(const Site& site);
/// Where a SLICE or STRIDED_SLICE (of stride 1) begins, for each axis.
[[nodiscard]] std::optional<std::vector<std::size_t>> slice_begins(const Site& site);
/// The axis of CONCATENATION, SPLIT or SPLIT_V.
[[nodiscard]] std::optional<std::size_t> axis_of(const Site& site);
/// The padding of a transposed convolution, in pixels.
struct Deconvolution {
  std::uint32_t top, bottom, left, right;
  std::uint32_t adjust_h, adjust_w;
};
[[nodiscard]] std::optional<Deconvolution> deconvolution_of(const Site& site);

/// The shape that XNNPACK gives the operator's `output`. Empty if the inputs do not fit together,
/// or if XNNPACK does not take the parameters. All extents must be known; there must be four if the
/// operator needs four.
[[nodiscard]] std::optional<Shape> result_shape(const Site& site, std::size_t output);

}  // namespace gantry::xnnpack
