#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <utility>

#include "gantry/graph/graph.h"
#include "gantry/repository/model_info.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::graph {
namespace {

constexpr std::size_t most_operators = 20'000;

Activation to_activation(::tflite::ActivationFunctionType type) noexcept {
  return type < ::tflite::ActivationFunctionType_MIN || type > ::tflite::ActivationFunctionType_MAX
             ? Activation::none
             : static_cast<Activation>(type);
}

Padding to_padding(::tflite::Padding padding) noexcept {
  return padding == ::tflite::Padding_VALID ? Padding::valid : Padding::same;
}

/// By TensorType's numbers.
constexpr std::array dtypes = {
    DType::float32, DType::float16, DType::int32, DType::uint8,  DType::int64,   DType::string,
    DType::boolean, DType::int16,   DType::other, DType::int8,   DType::float64, DType::other,
    DType::uint64,  DType::other,   DType::other, DType::uint32, DType::uint16,  DType::other};
static_assert(dtypes.size() == ::tflite::TensorType_MAX + 1);

Tensor to_tensor(const ::tflite::Model& model, const ::tflite::Tensor& from) {
  constexpr std::size_t longest_name = 1000;
  Tensor tensor;
  if (from.name() != nullptr) {
    tensor.name = from.name()->str().substr(0, longest_name);
  }
  tensor.dtype = dtypes.at(static_cast<std::size_t>(from.type()));  // read_model knows its range
  if (from.shape() != nullptr) {
    tensor.shape.assign(from.shape()->begin(), from.shape()->end());
  }
  const auto* const data = model.buffers()->Get(from.buffer())->data();
  tensor.constant = data != nullptr && data->size() > 0;
  if (const auto* const quantization = from.quantization()) {
    if (quantization->scale() != nullptr) {
      tensor.scales.assign(quantization->scale()->begin(), quantization->scale()->end());
    }
    if (quantization->zero_point() != nullptr) {
      tensor.zero_points.assign(quantization->zero_point()->begin(),
                                quantization->zero_point()->end());
    }
  }
  return tensor;
}

void read_options(const ::tflite::Operator& from, Operator& op) {
  if (const auto* options = from.builtin_options_as_Conv2DOptions()) {
    op.activation = to_activation(options->fused_activation_function());
    op.padding = to_padding(options->padding());
    op.stride_h = options->stride_h();
    op.stride_w = options->stride_w();
    op.dilation_h = options->dilation_h_factor();
    op.dilation_w = options->dilation_w_factor();
  } else if (const auto* depthwise = from.builtin_options_as_DepthwiseConv2DOptions()) {
    op.activation = to_activation(depthwise->fused_activation_function());
    op.padding = to_padding(depthwise->padding());
    op.stride_h = depthwise->stride_h();
    op.stride_w = depthwise->stride_w();
    op.dilation_h = depthwise->dilation_h_factor();
    op.dilation_w = depthwise->dilation_w_factor();
  } else if (const auto* add = from.builtin_options_as_AddOptions()) {
    op.activation = to_activation(add->fused_activation_function());
  } else if (const auto* mul = from.builtin_options_as_MulOptions()) {
    op.activation = to_activation(mul->fused_activation_function());
  }
}

std::vector<std::int32_t> indices(const ::flatbuffers::Vector<std::int32_t>* from) {
  return from == nullptr ? std::vector<std::int32_t>{}
                         : std::vector<std::int32_t>(from->begin(), from->end());
}

/// `bytes` are aligned to 8 and passed read_model, which gave `info`.
Graph to_graph(const void* bytes, const repository::ModelInfo& info) {
  const ::tflite::Model& model = *::tflite::GetModel(bytes);
  const ::tflite::SubGraph& from = *model.subgraphs()->Get(0);
  Graph graph;
  if (from.tensors() != nullptr) {
    graph.tensors.reserve(from.tensors()->size());
    for (const ::tflite::Tensor* tensor : *from.tensors()) {
      graph.tensors.push_back(to_tensor(model, *tensor));
    }
  }
  graph.inputs = indices(from.inputs());
  graph.outputs = indices(from.outputs());
  graph.operators.reserve(info.operators.size());
  for (std::size_t i = 0; i < info.operators.size(); ++i) {
    const ::tflite::Operator& op = *from.operators()->Get(static_cast<std::uint32_t>(i));
    const ::tflite::OperatorCode& code = *model.operator_codes()->Get(op.opcode_index());
    Operator to;
    to.op = op_of(std::max(static_cast<std::int32_t>(code.builtin_code()),
                           static_cast<std::int32_t>(code.deprecated_builtin_code())));
    to.name = info.operators[i].name;
    to.version = code.version();
    to.inputs = info.operators[i].inputs;
    to.outputs = info.operators[i].outputs;
    read_options(op, to);
    graph.operators.push_back(std::move(to));
  }
  return graph;
}

}  // namespace

Result<Graph> read_graph(std::span<const std::byte> model) {
  const auto info = repository::read_model(model);
  if (!info) {
    return std::unexpected(info.error());
  }
  if (info->operators.size() > most_operators) {
    return fail(Code::out_of_range, std::format("want at most {} operators, got {}", most_operators,
                                                info->operators.size()));
  }
  if (reinterpret_cast<std::uintptr_t>(model.data()) % alignof(std::uint64_t) == 0) {
    return to_graph(model.data(), *info);
  }
  std::vector<std::uint64_t> copy((model.size() + sizeof(std::uint64_t) - 1) /
                                  sizeof(std::uint64_t));
  std::memcpy(copy.data(), model.data(), model.size());
  return to_graph(copy.data(), *info);
}

}  // namespace gantry::graph
