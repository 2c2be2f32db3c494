#include "net.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace gantry::npu_test {
namespace {

std::int32_t out_extent(std::int32_t in, std::int32_t kernel, std::int32_t stride, bool same) {
  return same ? (in + stride - 1) / stride : (in - kernel + stride) / stride;
}

}  // namespace

Net::Net(std::uint32_t seed) : model_(std::make_unique<::tflite::ModelT>()), random_(seed) {
  model_->version = 3;
  model_->buffers.push_back(std::make_unique<::tflite::BufferT>());  // 0 stands for no data
  model_->subgraphs.push_back(std::make_unique<::tflite::SubGraphT>());
}

std::int32_t Net::quantized(std::vector<std::int32_t> shape, std::int32_t zero_point, float scale) {
  const std::int32_t index = test::add_uint8(*model_, std::move(shape));
  tensor(index).quantization->scale = {scale};
  tensor(index).quantization->zero_point = {zero_point};
  return index;
}

void Net::fill(std::int32_t index, std::int32_t low, std::int32_t high) {
  std::size_t size = 1;
  for (const std::int32_t extent : tensor(index).shape) {
    size *= static_cast<std::size_t>(extent);
  }
  auto buffer = std::make_unique<::tflite::BufferT>();
  const auto range = static_cast<std::uint32_t>(high - low + 1);
  if (tensor(index).type == ::tflite::TensorType_INT32) {
    buffer->data.resize(size * sizeof(std::int32_t));
    for (std::size_t i = 0; i < size; ++i) {
      const std::int32_t value = low + static_cast<std::int32_t>(random_() % range);
      std::memcpy(&buffer->data[i * sizeof value], &value, sizeof value);
    }
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      buffer->data.push_back(
          static_cast<std::uint8_t>(low + static_cast<std::int32_t>(random_() % range)));
    }
  }
  tensor(index).buffer = static_cast<std::uint32_t>(model_->buffers.size());
  model_->buffers.push_back(std::move(buffer));
}

std::int32_t Net::input(std::vector<std::int32_t> shape, std::int32_t zero_point, float scale) {
  const std::int32_t index = quantized(std::move(shape), zero_point, scale);
  graph().inputs.push_back(index);
  return index;
}

std::int32_t Net::conv(std::int32_t input, const Conv& conv) {
  const std::vector<std::int32_t> in = tensor(input).shape;
  const float in_scale = tensor(input).quantization->scale.front();
  const std::int32_t kernel_width = conv.kernel_width == 0 ? conv.kernel : conv.kernel_width;
  const std::int32_t stride_width = conv.stride_width == 0 ? conv.stride : conv.stride_width;
  const std::int32_t depth = conv.depthwise ? 1 : in[3];

  const std::int32_t weights =
      conv.depthwise
          ? quantized({1, conv.kernel, kernel_width, conv.out}, 128, conv.weight_scale)
          : quantized({conv.out, conv.kernel, kernel_width, in[3]}, 128, conv.weight_scale);
  fill(weights, 100, 156);
  const std::int32_t bias = quantized({conv.out}, 0, in_scale * conv.weight_scale);
  tensor(bias).type = ::tflite::TensorType_INT32;
  // Of a product's deviation: 74 steps of noise times 16 of the weights, and as many as there are.
  const auto products = static_cast<float>(depth * conv.kernel * kernel_width);
  const float deviation = std::sqrt(products) * 74 * 16;
  fill(bias, -static_cast<std::int32_t>(deviation / 2), static_cast<std::int32_t>(deviation / 2));
  // So that hardly any clip: of what goes into a sum, the NPU does not clip what the CPU does.
  constexpr float wanted_deviation = 22;
  const float scale =
      conv.scale > 0 ? conv.scale : in_scale * conv.weight_scale * deviation / wanted_deviation;
  const std::int32_t output =
      quantized({in[0], out_extent(in[1], conv.kernel, conv.stride, conv.same_padding),
                 out_extent(in[2], kernel_width, stride_width, conv.same_padding), conv.out},
                conv.zero_point, scale);

  ::tflite::OperatorT& op =
      test::add_operator(*model_,
                         conv.depthwise ? ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D
                                        : ::tflite::BuiltinOperator_CONV_2D,
                         {input, weights, bias}, {output});
  const auto set = [&](auto options) {
    options.padding = conv.same_padding ? ::tflite::Padding_SAME : ::tflite::Padding_VALID;
    options.stride_h = conv.stride;
    options.stride_w = stride_width;
    options.dilation_h_factor = options.dilation_w_factor = 1;
    options.fused_activation_function = conv.activation;
    op.builtin_options.Set(std::move(options));
  };
  if (conv.depthwise) {
    set(::tflite::DepthwiseConv2DOptionsT());
    op.builtin_options.AsDepthwiseConv2DOptions()->depth_multiplier = conv.out / in[3];
  } else {
    set(::tflite::Conv2DOptionsT());
  }
  return output;
}

std::int32_t Net::add(std::int32_t first, std::int32_t second, std::int32_t zero_point,
                      float scale) {
  const float sum_scale = scale > 0 ? scale
                                    : tensor(first).quantization->scale.front() +
                                          (tensor(second).quantization->scale.front() / 2);
  const std::int32_t output = quantized(tensor(first).shape, zero_point, sum_scale);
  test::add_operator(*model_, ::tflite::BuiltinOperator_ADD, {first, second}, {output})
      .builtin_options.Set(::tflite::AddOptionsT());
  return output;
}

std::unique_ptr<::tflite::ModelT> Net::with_outputs(std::vector<std::int32_t> outputs) {
  graph().outputs = std::move(outputs);
  return std::move(model_);
}

}  // namespace gantry::npu_test
