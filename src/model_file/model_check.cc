#include "model_check.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <format>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "flatbuffers/flexbuffers.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::model_file {
namespace {

using ::tflite::BuiltinOperator;
using ::tflite::Model;
using ::tflite::Operator;
using ::tflite::SubGraph;
using ::tflite::Tensor;
using ::tflite::TensorType;

// Limits. Files can state sizes that cost them nothing and us much: vectors may be shared between
// tables.
constexpr std::size_t most_dimensions = 16;       // kernels know at most 8
constexpr std::size_t most_inputs = 1024;         // of the graph, and as many outputs
constexpr std::size_t longest_custom_code = 200;  // bytes
constexpr std::size_t most_subgraphs = 1000;
constexpr std::size_t deepest_call = 16;  // subgraphs running subgraphs: kernels recurse
constexpr std::size_t largest_tensor =
    std::numeric_limits<std::int32_t>::max();  // kernels index with int
constexpr std::size_t most_activation_bytes = std::size_t{4}
                                              << 30U;  // the arena shares memory among them
constexpr std::size_t most_scratch_bytes = std::size_t{1} << 30U;  // of one operator

template <class... Args>
std::unexpected<Error> refuse(std::format_string<Args...> format, Args&&... args) {
  return fail(Code::invalid_argument, format_text(format, std::forward<Args>(args)...));
}

/// Length of a vector that may be absent.
template <class Vector>
std::size_t size_of(const Vector* vector) noexcept {
  return vector == nullptr ? 0 : vector->size();
}

DType to_dtype(TensorType type) noexcept {
  switch (type) {
    case ::tflite::TensorType_FLOAT32:
      return DType::float32;
    case ::tflite::TensorType_FLOAT16:
      return DType::float16;
    case ::tflite::TensorType_FLOAT64:
      return DType::float64;
    case ::tflite::TensorType_UINT8:
      return DType::uint8;
    case ::tflite::TensorType_INT8:
      return DType::int8;
    case ::tflite::TensorType_UINT16:
      return DType::uint16;
    case ::tflite::TensorType_INT16:
      return DType::int16;
    case ::tflite::TensorType_UINT32:
      return DType::uint32;
    case ::tflite::TensorType_INT32:
      return DType::int32;
    case ::tflite::TensorType_UINT64:
      return DType::uint64;
    case ::tflite::TensorType_INT64:
      return DType::int64;
    case ::tflite::TensorType_BOOL:
      return DType::boolean;
    case ::tflite::TensorType_STRING:
      return DType::string;
    case ::tflite::TensorType_COMPLEX64:
    case ::tflite::TensorType_COMPLEX128:
    case ::tflite::TensorType_RESOURCE:
    case ::tflite::TensorType_VARIANT:
    case ::tflite::TensorType_INT4:
      break;
  }
  return DType::other;
}

/// Bytes of so many elements, as TensorFlow Lite counts them; empty for types without a fixed size.
std::optional<std::size_t> byte_count(TensorType type, std::size_t elements) noexcept {
  switch (type) {
    case ::tflite::TensorType_INT4:
      return (elements / 2) + (elements % 2);
    case ::tflite::TensorType_COMPLEX64:
      return elements * 8;
    case ::tflite::TensorType_COMPLEX128:
      return elements * 16;
    default:
      break;
  }
  const std::size_t size = dtype_size(to_dtype(type));
  return size == 0 ? std::nullopt : std::optional(elements * size);
}

std::string name_of(const Tensor& tensor) {
  return tensor.name() == nullptr ? "\"\"" : in_quotes(tensor.name()->string_view());
}

/// The bytes of a constant tensor; empty for all others.
std::span<const std::uint8_t> data_of(const Model& model, const Tensor& tensor) noexcept {
  const ::tflite::Buffer* const buffer = model.buffers()->Get(tensor.buffer());
  return buffer->data() == nullptr
             ? std::span<const std::uint8_t>{}
             : std::span(buffer->data()->data(), std::size_t{buffer->data()->size()});
}

/// What a serialised tensor of strings is: a count, count + 1 offsets that ascend, the characters.
bool holds_strings(std::span<const std::uint8_t> data, std::size_t elements) noexcept {
  const auto read = [&](std::size_t position) {
    std::int32_t value = 0;
    std::memcpy(&value, data.data() + (position * sizeof(value)), sizeof(value));
    return value;
  };
  if (data.size() / sizeof(std::int32_t) < elements + 2 || std::cmp_not_equal(read(0), elements)) {
    return false;
  }
  auto last = static_cast<std::int32_t>((elements + 2) * sizeof(std::int32_t));
  for (std::size_t i = 0; i <= elements; ++i) {
    if (read(i + 1) < last) {
      return false;
    }
    last = read(i + 1);
  }
  return static_cast<std::size_t>(last) <= data.size();
}

/// Is every scale there a positive number? False, too, where there is none.
bool has_scale(const Tensor& tensor) noexcept {
  const ::tflite::QuantizationParameters* const quantization = tensor.quantization();
  return quantization != nullptr && size_of(quantization->scale()) > 0 &&
         std::ranges::all_of(*quantization->scale(),
                             [](float scale) { return std::isfinite(scale) && scale > 0; });
}

/// FlatBuffers' verifier looks at the alignment of a vector's length only, and TensorFlow Lite
/// reads these numbers as they lie there.
bool has_aligned_zero_points(const Tensor& tensor) noexcept {
  const auto* const quantization = tensor.quantization();
  return quantization == nullptr || size_of(quantization->zero_point()) == 0 ||
         reinterpret_cast<std::uintptr_t>(quantization->zero_point()->Data()) %
                 alignof(std::int64_t) ==
             0;
}

/// Operators whose kernels compute a multiplier from the scales of their tensors and end the
/// process (TFLITE_CHECK) where that comes out as infinite or not a number.
bool divides_by_scales(BuiltinOperator code) noexcept {
  switch (code) {
    case ::tflite::BuiltinOperator_ADD:
    case ::tflite::BuiltinOperator_SUB:
    case ::tflite::BuiltinOperator_MUL:
    case ::tflite::BuiltinOperator_DIV:
    case ::tflite::BuiltinOperator_SQUARED_DIFFERENCE:
    case ::tflite::BuiltinOperator_CONV_2D:
    case ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D:
    case ::tflite::BuiltinOperator_TRANSPOSE_CONV:
    case ::tflite::BuiltinOperator_FULLY_CONNECTED:
    case ::tflite::BuiltinOperator_BATCH_MATMUL:
    case ::tflite::BuiltinOperator_SOFTMAX:
    case ::tflite::BuiltinOperator_LOG_SOFTMAX:
    case ::tflite::BuiltinOperator_LOGISTIC:
    case ::tflite::BuiltinOperator_TANH:
    case ::tflite::BuiltinOperator_LEAKY_RELU:
    case ::tflite::BuiltinOperator_PRELU:
    case ::tflite::BuiltinOperator_HARD_SWISH:
    case ::tflite::BuiltinOperator_ELU:
    case ::tflite::BuiltinOperator_GELU:
    case ::tflite::BuiltinOperator_QUANTIZE:
      return true;
    default:
      return false;
  }
}

bool is_quantized_type(TensorType type) noexcept {
  return type == ::tflite::TensorType_UINT8 || type == ::tflite::TensorType_INT8 ||
         type == ::tflite::TensorType_INT16;
}

class Checker {
 public:
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  ~Checker() = default;
  Checker(const Model& model, std::size_t file_bytes)
      : model_(model), index_budget_(file_bytes + 1'000'000) {}

  [[nodiscard]] Result<> check() {
    if (model_.version() != 3) {
      return refuse("want schema version 3, got {}", model_.version());
    }
    if (size_of(model_.subgraphs()) == 0) {
      return refuse("the model has no subgraph");
    }
    if (model_.subgraphs()->size() > most_subgraphs) {
      return refuse("want at most {} subgraphs, got {}", most_subgraphs,
                    model_.subgraphs()->size());
    }
    if (auto checked = check_buffers(); !checked) {
      return checked;
    }
    if (auto checked = check_operator_codes(); !checked) {
      return checked;
    }
    for (std::size_t i = 0; i < model_.subgraphs()->size(); ++i) {
      const SubGraph& graph = *model_.subgraphs()->Get(static_cast<std::uint32_t>(i));
      if (auto checked = check_subgraph(graph); !checked) {
        Error error = std::move(checked).error();
        if (i > 0) {
          error.message = format_text("subgraph {}: {}", i, error.message);
        }
        return std::unexpected(std::move(error));
      }
    }
    if (size_of(model_.subgraphs()->Get(0)->outputs()) == 0) {
      return refuse("the model has no outputs");
    }
    return check_calls();
  }

 private:
  [[nodiscard]] Result<> check_buffers() const {
    for (std::size_t i = 0; i < size_of(model_.buffers()); ++i) {
      const ::tflite::Buffer& buffer = *model_.buffers()->Get(static_cast<std::uint32_t>(i));
      // 0 and 1 are what converters leave there before they know.
      if (buffer.offset() > 1 || buffer.size() > 1) {
        return refuse("buffer {} lies outside of the flatbuffer, which is not supported", i);
      }
    }
    return {};
  }

  [[nodiscard]] Result<> check_operator_codes() const {
    for (std::size_t i = 0; i < size_of(model_.operator_codes()); ++i) {
      const auto& code = *model_.operator_codes()->Get(static_cast<std::uint32_t>(i));
      if (code.custom_code() != nullptr && code.custom_code()->size() > longest_custom_code) {
        return refuse("operator code {}: want a name of at most {} bytes, got {}", i,
                      longest_custom_code, code.custom_code()->size());
      }
    }
    return {};
  }

  [[nodiscard]] Result<> check_subgraph(const SubGraph& graph) {
    const std::size_t tensors = size_of(graph.tensors());
    // Per tensor: does it hold something when an operator reads it?
    readable_.assign(tensors, false);
    for (std::size_t i = 0; i < tensors; ++i) {
      const Tensor& tensor = *graph.tensors()->Get(static_cast<std::uint32_t>(i));
      if (auto checked = check_tensor(tensor); !checked) {
        Error error = std::move(checked).error();
        error.message = format_text("tensor {} {}: {}", i, name_of(tensor), error.message);
        return std::unexpected(std::move(error));
      }
      readable_[i] = !data_of(model_, tensor).empty() || tensor.is_variable() || is_empty(tensor);
    }
    if (auto checked = check_ends(graph.inputs(), "input", tensors); !checked) {
      return checked;
    }
    if (auto checked = check_ends(graph.outputs(), "output", tensors); !checked) {
      return checked;
    }
    for (std::size_t i = 0; i < size_of(graph.inputs()); ++i) {
      const std::int32_t index = graph.inputs()->Get(static_cast<std::uint32_t>(i));
      const Tensor& tensor = *graph.tensors()->Get(static_cast<std::uint32_t>(index));
      if (!data_of(model_, tensor).empty()) {
        return refuse("input {} is the constant tensor {} {}", i, index, name_of(tensor));
      }
      readable_[static_cast<std::size_t>(index)] = true;
    }
    for (std::size_t i = 0; i < size_of(graph.operators()); ++i) {
      const Operator& op = *graph.operators()->Get(static_cast<std::uint32_t>(i));
      if (op.opcode_index() >= size_of(model_.operator_codes())) {
        return refuse("operator {}: code {} of {}", i, op.opcode_index(),
                      size_of(model_.operator_codes()));
      }
      if (auto checked = check_operator(graph, op); !checked) {
        Error error = std::move(checked).error();
        const auto& code = *model_.operator_codes()->Get(op.opcode_index());
        error.message =
            format_text("operator {} ({}): {}", i, in_quotes(operator_name(code)), error.message);
        return std::unexpected(std::move(error));
      }
    }
    for (std::size_t i = 0; i < size_of(graph.outputs()); ++i) {
      const std::int32_t index = graph.outputs()->Get(static_cast<std::uint32_t>(i));
      if (!readable_[static_cast<std::size_t>(index)]) {
        return refuse("output {} is tensor {}, which nothing computes", i, index);
      }
    }
    return {};
  }

  [[nodiscard]] static bool is_empty(const Tensor& tensor) noexcept {
    return tensor.shape() != nullptr &&
           std::ranges::any_of(*tensor.shape(), [](std::int32_t extent) { return extent == 0; });
  }

  [[nodiscard]] Result<> check_tensor(const Tensor& tensor) {
    if (tensor.buffer() >= size_of(model_.buffers())) {
      return refuse("buffer {} of {}", tensor.buffer(), size_of(model_.buffers()));
    }
    if (tensor.type() < ::tflite::TensorType_MIN || tensor.type() > ::tflite::TensorType_MAX) {
      return refuse("unknown type {}", static_cast<int>(tensor.type()));
    }
    if (size_of(tensor.shape()) > most_dimensions) {
      return refuse("want at most {} dimensions, got {}", most_dimensions, tensor.shape()->size());
    }
    if (!has_aligned_zero_points(tensor)) {
      return refuse("its zero points are not aligned to 8 bytes in the file");
    }
    Shape shape;
    for (std::size_t i = 0; i < size_of(tensor.shape()); ++i) {
      shape.push_back(tensor.shape()->Get(static_cast<std::uint32_t>(i)));
    }
    if (std::ranges::any_of(shape, [](std::int32_t extent) { return extent < 0; })) {
      return refuse("want no negative extent, got {}", to_string(shape));
    }
    const std::optional<std::size_t> elements = element_count(shape);
    if (!elements || *elements > largest_tensor ||
        byte_count(tensor.type(), *elements).value_or(0) > largest_tensor) {
      return fail(Code::out_of_range,
                  format_text("want at most {}, got {} {}", human_bytes(largest_tensor),
                              ::tflite::EnumNameTensorType(tensor.type()), to_string(shape)));
    }
    const std::span<const std::uint8_t> data = data_of(model_, tensor);
    if (data.empty()) {
      activation_bytes_ += byte_count(tensor.type(), *elements).value_or(0);
      if (activation_bytes_ > most_activation_bytes) {
        return fail(Code::out_of_range, format_text("want tensors of together at most {}",
                                                    human_bytes(most_activation_bytes)));
      }
      return {};
    }
    return check_constant(tensor, *elements, data, shape);
  }

  [[nodiscard]] static Result<> check_constant(const Tensor& tensor, std::size_t elements,
                                               std::span<const std::uint8_t> data,
                                               const Shape& shape) {
    if (tensor.is_variable()) {
      return refuse("a variable with constant data");
    }
    if (tensor.sparsity() != nullptr) {
      const auto& sparsity = *tensor.sparsity();
      const bool complete = size_of(sparsity.traversal_order()) > 0 &&
                            size_of(sparsity.dim_metadata()) == size_of(sparsity.traversal_order());
      return complete ? Result<>{}
                      : refuse("sparse without the order or the kind of its dimensions");
    }
    if (tensor.type() == ::tflite::TensorType_STRING) {
      return holds_strings(data, elements) ? Result<>{}
                                           : refuse("its bytes are no list of strings");
    }
    const std::optional<std::size_t> wanted = byte_count(tensor.type(), elements);
    if (wanted && data.size() != *wanted) {
      return refuse("want {} bytes of data for {} {}, got {}", *wanted,
                    ::tflite::EnumNameTensorType(tensor.type()), to_string(shape), data.size());
    }
    return {};
  }

  [[nodiscard]] static Result<> check_ends(const ::flatbuffers::Vector<std::int32_t>* indices,
                                           std::string_view what, std::size_t tensors) {
    if (size_of(indices) > most_inputs) {
      return refuse("want at most {} {}s, got {}", most_inputs, what, indices->size());
    }
    for (std::size_t i = 0; i < size_of(indices); ++i) {
      const std::int32_t index = indices->Get(static_cast<std::uint32_t>(i));
      if (index < 0 || std::cmp_greater_equal(index, tensors)) {
        return refuse("{} {} is tensor {} of {}", what, i, index, tensors);
      }
    }
    return {};
  }

  [[nodiscard]] Result<> check_operator(const SubGraph& graph, const Operator& op) {
    const std::size_t tensors = size_of(graph.tensors());
    const std::size_t ends =
        size_of(op.inputs()) + size_of(op.outputs()) + size_of(op.intermediates());
    if (ends > index_budget_) {
      return fail(Code::out_of_range,
                  "the operators have more inputs and outputs than the file has bytes");
    }
    index_budget_ -= ends;
    if (op.large_custom_options_offset() > 1 || op.large_custom_options_size() > 1) {
      return refuse("its options lie outside of the flatbuffer, which is not supported");
    }
    const auto is_in_range = [&](std::int32_t index) {
      return index >= 0 && std::cmp_less(index, tensors);
    };
    for (std::size_t i = 0; i < size_of(op.inputs()); ++i) {
      const std::int32_t index = op.inputs()->Get(static_cast<std::uint32_t>(i));
      if (index == -1) {
        continue;  // an optional input that is absent
      }
      if (!is_in_range(index)) {
        return refuse("input {} is tensor {} of {}", i, index, tensors);
      }
      if (!readable_[static_cast<std::size_t>(index)]) {
        return refuse("input {} is tensor {}, which nothing before it computes", i, index);
      }
    }
    for (std::size_t i = 0; i < size_of(op.intermediates()); ++i) {
      const std::int32_t index = op.intermediates()->Get(static_cast<std::uint32_t>(i));
      if (!is_in_range(index)) {
        return refuse("intermediate {} is tensor {} of {}", i, index, tensors);
      }
    }
    for (std::size_t i = 0; i < size_of(op.outputs()); ++i) {
      const std::int32_t index = op.outputs()->Get(static_cast<std::uint32_t>(i));
      if (!is_in_range(index)) {
        return refuse("output {} is tensor {} of {}", i, index, tensors);
      }
      if (!data_of(model_, *graph.tensors()->Get(static_cast<std::uint32_t>(index))).empty()) {
        return refuse("output {} is the constant tensor {}", i, index);
      }
      readable_[static_cast<std::size_t>(index)] = true;
    }
    if (auto checked = check_scales(graph, op); !checked) {
      return checked;
    }
    if (auto checked = check_scratch(graph, op); !checked) {
      return checked;
    }
    return check_custom_options(op);
  }

  [[nodiscard]] Result<> check_scales(const SubGraph& graph, const Operator& op) const {
    if (!divides_by_scales(builtin_code(*model_.operator_codes()->Get(op.opcode_index())))) {
      return {};
    }
    for (const auto* indices : {op.inputs(), op.outputs()}) {
      for (std::size_t i = 0; i < size_of(indices); ++i) {
        const std::int32_t index = indices->Get(static_cast<std::uint32_t>(i));
        if (index < 0) {
          continue;
        }
        const Tensor& tensor = *graph.tensors()->Get(static_cast<std::uint32_t>(index));
        if (is_quantized_type(tensor.type()) && !has_scale(tensor)) {
          return refuse("tensor {} {} is {} without a positive scale", index, name_of(tensor),
                        ::tflite::EnumNameTensorType(tensor.type()));
        }
      }
    }
    return {};
  }

  /// Convolutions unroll their input (im2col): for every output pixel all that its filter sees. A
  /// file of two kilobytes can ask for any amount of memory so.
  [[nodiscard]] Result<> check_scratch(const SubGraph& graph, const Operator& op) const {
    const BuiltinOperator code = builtin_code(*model_.operator_codes()->Get(op.opcode_index()));
    const bool is_2d = code == ::tflite::BuiltinOperator_CONV_2D;
    if ((!is_2d && code != ::tflite::BuiltinOperator_CONV_3D) || size_of(op.inputs()) < 2 ||
        size_of(op.outputs()) < 1 || op.inputs()->Get(0) < 0 || op.inputs()->Get(1) < 0) {
      return {};
    }
    const auto tensor = [&](std::int32_t index) -> const Tensor& {
      return *graph.tensors()->Get(static_cast<std::uint32_t>(index));
    };
    const auto* const filter = tensor(op.inputs()->Get(1)).shape();
    const auto* const output = tensor(op.outputs()->Get(0)).shape();
    const std::uint32_t rank = is_2d ? 4 : 5;
    if (size_of(filter) != rank || size_of(output) != rank) {
      return {};  // the kernel refuses it
    }
    // Filters: CONV_2D [out,height,width,in], CONV_3D [depth,height,width,in,out]. check_tensor
    // bounded both products; double is exact enough for this one.
    double bytes = static_cast<double>(
        byte_count(tensor(op.inputs()->Get(0)).type(), 1).value_or(sizeof(float)));
    double window = 1;
    for (std::uint32_t i = 0; i < rank; ++i) {
      const bool is_out = i == (is_2d ? 0 : rank - 1);
      const bool is_in = i == (is_2d ? rank - 1 : rank - 2);
      bytes *= is_out ? 1.0 : filter->Get(i);
      window *= is_out || is_in ? 1.0 : filter->Get(i);
      bytes *= i == rank - 1 ? 1.0 : output->Get(i);
    }
    if (window > 1 && bytes > static_cast<double>(most_scratch_bytes)) {
      constexpr double most_told = 1e18;  // a tensor with an extent of 0 leaves the others free
      return fail(Code::out_of_range,
                  format_text("needs {} of scratch memory or more, want at most {}",
                              human_bytes(static_cast<std::uint64_t>(std::min(bytes, most_told))),
                              human_bytes(most_scratch_bytes)));
    }
    return {};
  }

  [[nodiscard]] Result<> check_custom_options(const Operator& op) const {
    const auto& code = *model_.operator_codes()->Get(op.opcode_index());
    if (builtin_code(code) != ::tflite::BuiltinOperator_CUSTOM ||
        size_of(op.custom_options()) == 0 || !operator_name(code).starts_with("TFLite_")) {
      return {};  // other custom operators are none of TensorFlow Lite's, and refused by it
    }
    // Their kernels follow these bytes without a check. The tracker keeps shared parts linear.
    std::vector<std::uint8_t> seen;
    if (!::flexbuffers::VerifyBuffer(op.custom_options()->data(), op.custom_options()->size(),
                                     &seen)) {
      return refuse("its options are no flexbuffer");
    }
    return {};
  }

  /// The subgraphs that an operator runs.
  [[nodiscard]] static std::vector<std::int32_t> calls_of(const Operator& op) {
    if (const auto* options = op.builtin_options_as_WhileOptions()) {
      return {options->cond_subgraph_index(), options->body_subgraph_index()};
    }
    if (const auto* options = op.builtin_options_as_IfOptions()) {
      return {options->then_subgraph_index(), options->else_subgraph_index()};
    }
    if (const auto* options = op.builtin_options_as_CallOnceOptions()) {
      return {options->init_subgraph_index()};
    }
    if (const auto* options = op.builtin_options_as_CallOptions()) {
      return {static_cast<std::int32_t>(options->subgraph())};
    }
    return {};
  }

  /// Subgraphs run each other to a bounded depth, and never themselves.
  [[nodiscard]] Result<> check_calls() const {
    const std::size_t count = model_.subgraphs()->size();
    std::vector<std::vector<std::size_t>> callees(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto* const operators =
          model_.subgraphs()->Get(static_cast<std::uint32_t>(i))->operators();
      for (std::size_t k = 0; k < size_of(operators); ++k) {
        for (const std::int32_t callee : calls_of(*operators->Get(static_cast<std::uint32_t>(k)))) {
          if (callee < 0 || std::cmp_greater_equal(callee, count)) {
            return refuse("subgraph {}, operator {}: runs subgraph {} of {}", i, k, callee, count);
          }
          callees[i].push_back(static_cast<std::size_t>(callee));
        }
      }
      std::ranges::sort(callees[i]);
      const auto repeated = std::ranges::unique(callees[i]);
      callees[i].erase(repeated.begin(), repeated.end());
    }
    // Takes away subgraphs that run none of those left, level by level; a loop never goes.
    std::vector<bool> settled(count, false);
    for (std::size_t level = 0; level < deepest_call; ++level) {
      std::vector<std::size_t> now;
      for (std::size_t i = 0; i < count; ++i) {
        if (!settled[i] &&
            std::ranges::all_of(callees[i], [&](std::size_t callee) { return settled[callee]; })) {
          now.push_back(i);
        }
      }
      for (const std::size_t i : now) {
        settled[i] = true;
      }
    }
    if (!std::ranges::all_of(settled, [](bool done) { return done; })) {
      return refuse("subgraphs run each other in a loop or more than {} deep", deepest_call);
    }
    return {};
  }

  const Model& model_;
  std::size_t index_budget_;
  std::size_t activation_bytes_ = 0;
  std::vector<bool> readable_;
};

}  // namespace

TensorSpec spec_of(const Tensor& tensor) {
  constexpr std::size_t longest_name = 1000;
  TensorSpec spec;
  if (tensor.name() != nullptr) {
    spec.name = tensor.name()->str().substr(0, longest_name);
  }
  spec.dtype = to_dtype(tensor.type());
  for (std::size_t i = 0; i < size_of(tensor.shape()); ++i) {
    spec.shape.push_back(tensor.shape()->Get(static_cast<std::uint32_t>(i)));
  }
  const bool is_float =
      spec.dtype == DType::float16 || spec.dtype == DType::float32 || spec.dtype == DType::float64;
  if (!is_float && has_scale(tensor) && tensor.quantization()->scale()->size() == 1) {
    const auto* const zero_points = tensor.quantization()->zero_point();
    const std::int64_t zero_point = size_of(zero_points) == 1 ? zero_points->Get(0) : 0;
    spec.quantization = {.scale = tensor.quantization()->scale()->Get(0),
                         .zero_point = static_cast<std::int32_t>(
                             std::clamp<std::int64_t>(zero_point, INT32_MIN, INT32_MAX))};
  }
  return spec;
}

BuiltinOperator builtin_code(const ::tflite::OperatorCode& code) noexcept {
  // Codes up to 127 stand in the older, one-byte field; newer ones leave 127 there.
  return std::max(code.builtin_code(),
                  static_cast<BuiltinOperator>(code.deprecated_builtin_code()));
}

std::string operator_name(const ::tflite::OperatorCode& code) {
  const BuiltinOperator builtin = builtin_code(code);
  if (builtin == ::tflite::BuiltinOperator_CUSTOM) {
    return code.custom_code() == nullptr ? "CUSTOM" : code.custom_code()->str();
  }
  const std::string_view name = ::tflite::EnumNameBuiltinOperator(builtin);
  return name.empty() ? format_text("BUILTIN_{}", static_cast<int>(builtin)) : std::string(name);
}

Result<const Model*> check_model(std::span<const std::byte> bytes) {
  constexpr std::string_view identifier = "TFL3";
  constexpr std::size_t identifier_at = 4;
  ::flatbuffers::Verifier::Options options;
  if (bytes.size() >= options.max_size) {
    return fail(Code::out_of_range,
                format_text("want less than {}, got {}", human_bytes(options.max_size),
                            human_bytes(bytes.size())));
  }
  if (bytes.size() < identifier_at + identifier.size()) {
    return refuse("want a TensorFlow Lite model, got {} bytes", bytes.size());
  }
  const std::string_view found(reinterpret_cast<const char*>(bytes.data()) + identifier_at,
                               identifier.size());
  if (found != identifier) {
    return refuse("want a TensorFlow Lite model (\"{}\" at byte {}), got {}", identifier,
                  identifier_at, in_quotes(found));
  }
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  ::flatbuffers::Verifier verifier(data, bytes.size(), options);
  if (!::tflite::VerifyModelBuffer(verifier)) {
    return refuse("the flatbuffer is damaged or cut short: {} bytes", bytes.size());
  }
  const Model* const model = ::tflite::GetModel(data);
  if (auto checked = Checker(*model, bytes.size()).check(); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  return model;
}

}  // namespace gantry::model_file
