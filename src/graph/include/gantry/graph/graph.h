#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

// A model's graph as plain values, read from a model file. The rules of npu/ and xnnpack/ see
// nothing else of a model.
namespace gantry::graph {

/// Operators that the rules tell apart, by TensorFlow Lite's own numbers (BuiltinOperator).
enum class Op : std::uint8_t {
  add = 0,
  average_pool_2d = 1,
  concatenation = 2,
  conv_2d = 3,
  depthwise_conv_2d = 4,
  dequantize = 6,
  floor = 8,
  fully_connected = 9,
  logistic = 14,
  max_pool_2d = 17,
  mul = 18,
  relu = 19,
  relu_n1_to_1 = 20,
  relu6 = 21,
  reshape = 22,
  resize_bilinear = 23,
  softmax = 25,
  tanh = 28,
  custom = 32,
  pad = 34,
  transpose = 39,
  mean = 40,
  sub = 41,
  div = 42,
  squeeze = 43,
  strided_slice = 45,
  split = 49,
  prelu = 54,
  maximum = 55,
  minimum = 57,
  neg = 59,
  slice = 65,
  transpose_conv = 67,
  expand_dims = 70,
  sqrt = 75,
  rsqrt = 76,
  square = 92,
  resize_nearest_neighbor = 97,
  leaky_relu = 98,
  squared_difference = 99,
  abs = 101,
  split_v = 102,
  ceil = 104,
  elu = 111,
  quantize = 114,
  hard_swish = 117,
  batch_matmul = 126,
  gelu = 150,
  other = 255,  ///< a number above 254; smaller numbers keep their value, listed or not
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
  std::vector<std::int64_t> zero_points;  ///< as many as scales if the file is well-formed
  bool constant = false;                  ///< its data is in the model
  /// The data of a constant, borrowed from the bytes that the graph was read from. They are as the
  /// file has them: their size need not fit the shape, and they need not be aligned.
  std::span<const std::byte> data;
};

struct Operator {
  Op op = Op::other;
  std::string name;  ///< "CONV_2D", or the custom code
  std::int32_t version = 1;
  std::vector<std::int32_t> inputs;   ///< tensor indices, -1 where an optional one is absent
  std::vector<std::int32_t> outputs;  ///< tensor indices
  Activation activation = Activation::none;
  // Options. An operator without an option keeps the value given here. Of convolutions, transposed
  // convolutions and pools:
  Padding padding = Padding::same;
  std::int32_t stride_h = 1;
  std::int32_t stride_w = 1;
  std::int32_t dilation_h = 1;
  std::int32_t dilation_w = 1;
  std::int32_t filter_h = 0;  ///< pools only: a convolution's are in the shape of its weights
  std::int32_t filter_w = 0;
  std::int32_t axis = 0;            ///< CONCATENATION
  float alpha = 0;                  ///< LEAKY_RELU
  float beta = 1;                   ///< SOFTMAX
  bool keep_dims = false;           ///< MEAN, FULLY_CONNECTED
  bool plain_weights = true;        ///< FULLY_CONNECTED: rows of the matrix, not shuffled
  bool align_corners = false;       ///< RESIZE_BILINEAR
  bool half_pixel_centers = false;  ///< RESIZE_BILINEAR
  std::int32_t begin_mask = 0;      ///< STRIDED_SLICE, a bit for each axis: from its start
  std::int32_t end_mask = 0;        ///< STRIDED_SLICE: to its end
  std::int32_t other_masks = 0;     ///< STRIDED_SLICE: ellipsis, new and shrunk axes together
};

/// The main subgraph. Every index is that of a tensor in it, or -1 among an operator's inputs.
struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;   ///< in the order of execution
  std::vector<std::int32_t> inputs;  ///< of the model
  std::vector<std::int32_t> outputs;
};

/// Which operators write and read each tensor of a graph.
struct Links {
  explicit Links(const Graph& graph);
  std::vector<std::int32_t> producer;                ///< operator, -1: none
  std::vector<std::vector<std::int32_t>> consumers;  ///< operators, once for each use
  std::vector<bool> is_output;                       ///< of the model
};

/// Reads the main subgraph of a `.tflite` file. Tensor::data point into `model`, which has to
/// outlive their use.
/// Errors: as model_file::read_model, which checks the bytes first; out_of_range for more than
///         20 000 operators.
[[nodiscard]] Result<Graph> read_graph(std::span<const std::byte> model);

}  // namespace gantry::graph
