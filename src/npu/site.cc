#include "site.h"

#include <algorithm>
#include <bit>

namespace gantry::npu {
namespace {

const Tensor* tensor_at(const Graph& graph, const std::vector<std::int32_t>& indices,
                        std::size_t i) {
  return i < indices.size() && indices[i] >= 0
             ? &graph.tensors[static_cast<std::size_t>(indices[i])]
             : nullptr;
}

/// SAME padding of one axis, both sides together.
std::int64_t same_padding(std::int64_t in, std::int64_t kernel, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  return std::max<std::int64_t>(0, ((out - 1) * stride) + kernel - in);
}

}  // namespace

std::int32_t Site::producer_here(std::int32_t tensor) const {
  if (tensor < 0) {
    return -1;
  }
  const std::int32_t producer = links_->producer[static_cast<std::size_t>(tensor)];
  return producer >= 0 && partition() >= 0 && at(producer).partition() == partition() ? producer
                                                                                      : -1;
}

std::int64_t ConvShape::padding_height() const {
  return padding == Padding::valid || stride_height < 1
             ? 0
             : same_padding(height, kernel_height, stride_height);
}

std::int64_t ConvShape::padding_width() const {
  return padding == Padding::valid || stride_width < 1
             ? 0
             : same_padding(width, kernel_width, stride_width);
}

std::optional<ConvShape> conv_shape(const Graph& graph, const Operator& op) {
  const Tensor* const input = tensor_at(graph, op.inputs, 0);
  const Tensor* const weights = tensor_at(graph, op.inputs, 1);
  const Tensor* const output = tensor_at(graph, op.outputs, 0);
  constexpr std::size_t rank = 4;
  if ((op.op != Op::conv_2d && op.op != Op::depthwise_conv_2d) || input == nullptr ||
      weights == nullptr || output == nullptr || input->shape.size() != rank ||
      weights->shape.size() != rank || output->shape.size() != rank) {
    return std::nullopt;
  }
  return ConvShape{.batch = input->shape[0],
                   .height = input->shape[1],
                   .width = input->shape[2],
                   .channels = input->shape[3],
                   .kernel_height = weights->shape[1],
                   .kernel_width = weights->shape[2],
                   .filter_channels = weights->shape[3],
                   .out_height = output->shape[1],
                   .out_width = output->shape[2],
                   .out_channels = output->shape[3],
                   .depthwise = op.op == Op::depthwise_conv_2d,
                   .padding = op.padding,
                   .stride_height = op.stride_h,
                   .stride_width = op.stride_w};
}

std::int64_t zero_point_of(const Tensor& tensor) noexcept {
  return tensor.zero_points.empty() ? 0 : tensor.zero_points.front();
}

float scale_of(const Tensor& tensor) noexcept {
  return tensor.scales.empty() ? 0.0F : tensor.scales.front();
}

bool overflows_scale(float in_scale, float weight_scale, float out_scale) noexcept {
  const float gain = in_scale * weight_scale / out_scale;
  constexpr std::uint32_t mantissa_22_to_9 = 0x7FFE00;
  return (std::bit_cast<std::uint32_t>(gain) & mantissa_22_to_9) == mantissa_22_to_9;
}

}  // namespace gantry::npu
