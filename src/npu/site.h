#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/npu/rules.h"

namespace gantry::npu {

/// One operator in its graph, as a rule sees it. Borrows all that it is made of.
class Site {
 public:
  /// `partitions`: the partition of each operator, -1 if the delegate does not take the operator.
  Site(const Graph& graph, const Links& links, const std::vector<std::int32_t>& partitions,
       std::size_t index)
      : graph_(&graph), links_(&links), partitions_(&partitions), index_(index) {}

  [[nodiscard]] const Operator& op() const { return graph_->operators[index_]; }
  /// Null if there is no such input, or if it is optional and absent.
  [[nodiscard]] const Tensor* input(std::size_t i) const { return tensor(input_index(i)); }
  [[nodiscard]] const Tensor* output() const {
    return tensor(op().outputs.empty() ? -1 : op().outputs.front());
  }
  [[nodiscard]] std::int32_t input_index(std::size_t i) const {
    return i < op().inputs.size() ? op().inputs[i] : -1;
  }
  [[nodiscard]] const Links& links() const { return *links_; }
  [[nodiscard]] const Graph& graph() const { return *graph_; }
  [[nodiscard]] std::int32_t partition() const { return (*partitions_)[index_]; }

  /// Another operator of the same graph, by its index.
  [[nodiscard]] Site at(std::int32_t index) const {
    return {*graph_, *links_, *partitions_, static_cast<std::size_t>(index)};
  }
  /// The operator of this operator's partition that computes the tensor; -1: none does.
  [[nodiscard]] std::int32_t producer_here(std::int32_t tensor) const;

  [[nodiscard]] bool is_conv() const {
    return op().op == Op::conv_2d || op().op == Op::depthwise_conv_2d;
  }
  [[nodiscard]] bool is_depthwise() const { return op().op == Op::depthwise_conv_2d; }

 private:
  [[nodiscard]] const Tensor* tensor(std::int32_t index) const {
    return index < 0 ? nullptr : &graph_->tensors[static_cast<std::size_t>(index)];
  }
  const Graph* graph_;
  const Links* links_;
  const std::vector<std::int32_t>* partitions_;
  std::size_t index_;
};

/// The numbers of a convolution whose input, weights and output have four dimensions.
struct ConvShape {
  std::int64_t batch, height, width, channels;  ///< of the input
  std::int64_t kernel_height, kernel_width;
  std::int64_t filter_channels;  ///< last extent of the weights
  std::int64_t out_height, out_width, out_channels;
  bool depthwise;
  Padding padding;
  std::int64_t stride_height, stride_width;
  /// Rows and columns of padding, both sides together.
  [[nodiscard]] std::int64_t padding_height() const;
  [[nodiscard]] std::int64_t padding_width() const;
};
/// Empty if it is no convolution, or has no such tensors.
[[nodiscard]] std::optional<ConvShape> conv_shape(const Graph& graph, const Operator& op);
[[nodiscard]] inline std::optional<ConvShape> conv_shape(const Site& site) {
  return conv_shape(site.graph(), site.op());
}

/// The one zero point of a tensor, 0 where it has none.
[[nodiscard]] std::int64_t zero_point_of(const Tensor& tensor) noexcept;
/// The first scale, 0 where it has none.
[[nodiscard]] float scale_of(const Tensor& tensor) noexcept;

/// Whether Mesa's conversion of a gain to 15 bits overflows: mantissa bits 22 to 9 all ones.
[[nodiscard]] bool overflows_scale(float in_scale, float weight_scale, float out_scale) noexcept;

}  // namespace gantry::npu
