#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

// A model's graph as plain values: made from a file here, and from TensorFlow Lite's own tables by
// whoever wraps the delegate. The rules know nothing else.
namespace gantry::graph {

/// Operators that the rules tell apart, by TensorFlow Lite's own numbers (BuiltinOperator).
enum class Op : std::uint8_t {
  add = 0,
  average_pool_2d = 1,
  concatenation = 2,
  conv_2d = 3,
  depthwise_conv_2d = 4,
  dequantize = 6,
  fully_connected = 9,
  logistic = 14,
  max_pool_2d = 17,
  mul = 18,
  relu = 19,
  relu_n1_to_1 = 20,
  relu6 = 21,
  reshape = 22,
  resize_bilinear = 23,
  tanh = 28,
  custom = 32,
  pad = 34,
  transpose = 39,
  mean = 40,
  strided_slice = 45,
  split = 49,
  prelu = 54,
  transpose_conv = 67,
  resize_nearest_neighbor = 97,
  leaky_relu = 98,
  elu = 111,
  quantize = 114,
  hard_swish = 117,
  batch_matmul = 126,
  gelu = 150,
  other = 255,  ///< a number above 254; smaller ones keep theirs, whether they are listed or not
};
[[nodiscard]] constexpr Op op_of(std::int32_t builtin_operator) noexcept {
  return builtin_operator >= 0 && builtin_operator < 255 ? static_cast<Op>(builtin_operator)
                                                         : Op::other;
}

/// What an operator applies to its result; TensorFlow Lite's numbers (ActivationFunctionType).
enum class Activation : std::uint8_t { none, relu, relu_n1_to_1, relu6, tanh, sign_bit };
enum class Padding : std::uint8_t { same, valid };

struct Tensor {
  std::string name;
  DType dtype = DType::other;
  Shape shape;
  std::vector<float> scales;              ///< none: not quantised; several: per axis
  std::vector<std::int64_t> zero_points;  ///< as many as scales where the file is well made
  bool constant = false;                  ///< its data are in the model
};

struct Operator {
  Op op = Op::other;
  std::string name;  ///< "CONV_2D", or the custom code
  std::int32_t version = 1;
  std::vector<std::int32_t> inputs;   ///< tensor indices, -1 where an optional one is absent
  std::vector<std::int32_t> outputs;  ///< tensor indices
  Activation activation = Activation::none;
  // Convolutions and pools only.
  Padding padding = Padding::same;
  std::int32_t stride_h = 1;
  std::int32_t stride_w = 1;
  std::int32_t dilation_h = 1;
  std::int32_t dilation_w = 1;
};

/// The main subgraph. Every index is that of a tensor in it, or -1 among an operator's inputs.
struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;   ///< in the order of execution
  std::vector<std::int32_t> inputs;  ///< of the model
  std::vector<std::int32_t> outputs;
};

/// Who writes and who reads each tensor of a graph.
struct Links {
  explicit Links(const Graph& graph);
  std::vector<std::int32_t> producer;                ///< operator, -1: none
  std::vector<std::vector<std::int32_t>> consumers;  ///< operators, once for each use
  std::vector<bool> is_output;                       ///< of the model
};

/// Reads the main subgraph of a `.tflite` file.
/// Errors: as repository::read_model, which checks the bytes first; out_of_range for more than
///         20 000 operators.
[[nodiscard]] Result<Graph> read_graph(std::span<const std::byte> model);

}  // namespace gantry::graph
