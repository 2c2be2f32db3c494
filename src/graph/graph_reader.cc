#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/graph/graph.h"
#include "gantry/model_file/model_info.h"
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

/// A model's bytes where they came from, and the aligned ones (these or a copy) that are read.
struct Bytes {
  std::span<const std::byte> given;
  const std::byte* aligned;
};

Tensor to_tensor(const Bytes& bytes, const ::tflite::Model& model, const ::tflite::Tensor& from) {
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
  if (tensor.constant) {
    const auto* const begin = reinterpret_cast<const std::byte*>(data->data());
    tensor.data =
        bytes.given.subspan(static_cast<std::size_t>(begin - bytes.aligned), data->size());
  }
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

/// Options that are called the same wherever they occur.
template <class Options>
void read_common(const Options& from, Operator& op) {
  if constexpr (requires { from.fused_activation_function(); }) {
    op.activation = to_activation(from.fused_activation_function());
  }
  if constexpr (requires { from.padding(); }) {
    op.padding = to_padding(from.padding());
    op.stride_h = from.stride_h();
    op.stride_w = from.stride_w();
  }
  if constexpr (requires { from.dilation_h_factor(); }) {
    op.dilation_h = from.dilation_h_factor();
    op.dilation_w = from.dilation_w_factor();
  }
  if constexpr (requires { from.filter_height(); }) {
    op.filter_h = from.filter_height();
    op.filter_w = from.filter_width();
  }
  if constexpr (requires { from.axis(); }) {
    op.axis = from.axis();
  }
  if constexpr (requires { from.alpha(); }) {
    op.alpha = from.alpha();
  }
  if constexpr (requires { from.beta(); }) {
    op.beta = from.beta();
  }
  if constexpr (requires { from.keep_dims(); }) {
    op.keep_dims = from.keep_dims();
  }
  if constexpr (requires { from.half_pixel_centers(); }) {
    op.align_corners = from.align_corners();
    op.half_pixel_centers = from.half_pixel_centers();
  }
}

void read_options(const ::tflite::Operator& from, Operator& op) {
  const auto read = [&op](const auto*... options) {
    (..., (options == nullptr ? void() : read_common(*options, op)));
  };
  // One of these at most is there.
  read(from.builtin_options_as_Conv2DOptions(), from.builtin_options_as_DepthwiseConv2DOptions(),
       from.builtin_options_as_TransposeConvOptions(), from.builtin_options_as_Pool2DOptions(),
       from.builtin_options_as_AddOptions(), from.builtin_options_as_SubOptions(),
       from.builtin_options_as_MulOptions(), from.builtin_options_as_DivOptions(),
       from.builtin_options_as_ConcatenationOptions(), from.builtin_options_as_LeakyReluOptions(),
       from.builtin_options_as_SoftmaxOptions(), from.builtin_options_as_ReducerOptions(),
       from.builtin_options_as_ResizeBilinearOptions(),
       from.builtin_options_as_FullyConnectedOptions());
  if (const auto* options = from.builtin_options_as_FullyConnectedOptions()) {
    op.keep_dims = options->keep_num_dims();
    op.plain_weights =
        options->weights_format() == ::tflite::FullyConnectedOptionsWeightsFormat_DEFAULT;
  } else if (const auto* slice = from.builtin_options_as_StridedSliceOptions()) {
    op.begin_mask = slice->begin_mask();
    op.end_mask = slice->end_mask();
    op.other_masks = slice->ellipsis_mask() | slice->new_axis_mask() | slice->shrink_axis_mask();
  }
}

std::vector<std::int32_t> indices(const ::flatbuffers::Vector<std::int32_t>* from) {
  return from == nullptr ? std::vector<std::int32_t>{}
                         : std::vector<std::int32_t>(from->begin(), from->end());
}

/// `bytes.aligned` are aligned to 8 and passed read_model, which gave `info`.
Graph to_graph(const Bytes& bytes, const model_file::ModelInfo& info) {
  const ::tflite::Model& model = *::tflite::GetModel(bytes.aligned);
  const ::tflite::SubGraph& from = *model.subgraphs()->Get(0);
  Graph graph;
  if (from.tensors() != nullptr) {
    graph.tensors.reserve(from.tensors()->size());
    for (const ::tflite::Tensor* tensor : *from.tensors()) {
      graph.tensors.push_back(to_tensor(bytes, model, *tensor));
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
  const auto info = model_file::read_model(model);
  if (!info) {
    return std::unexpected(info.error());
  }
  if (info->operators.size() > most_operators) {
    return fail(Code::out_of_range, format_text("want at most {} operators, got {}", most_operators,
                                                info->operators.size()));
  }
  if (reinterpret_cast<std::uintptr_t>(model.data()) % alignof(std::uint64_t) == 0) {
    return to_graph({.given = model, .aligned = model.data()}, *info);
  }
  std::vector<std::uint64_t> copy((model.size() + sizeof(std::uint64_t) - 1) /
                                  sizeof(std::uint64_t));
  std::memcpy(copy.data(), model.data(), model.size());
  return to_graph({.given = model, .aligned = reinterpret_cast<const std::byte*>(copy.data())},
                  *info);
}

}  // namespace gantry::graph
