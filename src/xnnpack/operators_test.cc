#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>

#include "gantry/xnnpack/backend.h"
#include "one_operator.h"

// Every operator in every type that XNNPACK has it for, against TensorFlow Lite's own kernels.
namespace gantry::xnnpack {
namespace {

using ::tflite::ActivationFunctionType;
using ::tflite::ActivationFunctionType_NONE;
using ::tflite::ActivationFunctionType_RELU;
using ::tflite::ActivationFunctionType_RELU6;
using ::tflite::ActivationFunctionType_RELU_N1_TO_1;
using ::tflite::Padding;
using ::tflite::Padding_SAME;
using ::tflite::Padding_VALID;

constexpr double one_step = 1;
constexpr double float_tolerance = 1e-4;

#define GANTRY_NEEDS_XNNPACK()                \
  if (const auto here = available(); !here) { \
    GTEST_SKIP() << here.error().message;     \
  }                                           \
  static_assert(true, "a semicolon follows")

std::string name_of(Type type) {
  switch (type) {
    case Type::float32:
      return "float32";
    case Type::uint8:
      return "uint8";
    case Type::int8:
      return "int8";
    case Type::int8_channels:
      return "int8_channels";
  }
  return "";
}

/// Whether a model was computed by XNNPACK as a whole, and right.
testing::AssertionResult is_right(Maker& maker, int threads = 1) {
  const auto difference = compare(test::pack(maker.model()), threads);
  if (!difference) {
    return testing::AssertionFailure() << difference.error().message;
  }
  if (difference->taken != difference->operators) {
    return testing::AssertionFailure() << "not taken: " << difference->why;
  }
  // A model whose result is float although it computes with steps (DEQUANTIZE) is exact.
  const double allowed = maker.is_float() ? float_tolerance : one_step;
  return difference->largest <= allowed
             ? testing::AssertionSuccess()
             : testing::AssertionFailure() << "differs by " << difference->largest;
}

struct Window {
  std::int32_t side = 9;
  std::int32_t channels = 8;
  std::int32_t out_channels = 12;
  std::int32_t kernel_h = 3;
  std::int32_t kernel_w = 3;
  std::int32_t stride_h = 1;
  std::int32_t stride_w = 1;
  std::int32_t dilation = 1;
  Padding padding = Padding_SAME;
  ActivationFunctionType activation = ActivationFunctionType_NONE;
  std::int32_t batch = 1;
  std::int32_t groups = 1;
  std::optional<std::int64_t> zero_point = {};

  [[nodiscard]] std::int32_t out(std::int32_t kernel, std::int32_t stride) const {
    const std::int32_t reach = ((kernel - 1) * dilation) + 1;
    return padding == Padding_SAME ? (side + stride - 1) / stride : ((side - reach) / stride) + 1;
  }
};

void convolution(Maker& m, const Window& w) {
  Step step = m.usual();
  step.zero_point = w.zero_point.value_or(step.zero_point);
  const auto in = m.input({w.batch, w.side, w.side, w.channels}, step);
  const auto filter = m.weights({w.out_channels, w.kernel_h, w.kernel_w, w.channels / w.groups}, 0);
  // TensorFlow Lite 2.14 has no convolution without a bias to compare with.
  const auto bias = m.bias(w.out_channels, step.scale);
  Step to = m.step_of_sum(std::int64_t{w.kernel_h} * w.kernel_w * w.channels / w.groups);
  to.zero_point = w.zero_point.value_or(to.zero_point);
  const auto out = m.result(
      {w.batch, w.out(w.kernel_h, w.stride_h), w.out(w.kernel_w, w.stride_w), w.out_channels}, to);
  ::tflite::Conv2DOptionsT options;
  options.padding = w.padding;
  options.stride_h = w.stride_h;
  options.stride_w = w.stride_w;
  options.dilation_h_factor = options.dilation_w_factor = w.dilation;
  options.fused_activation_function = w.activation;
  m.op(::tflite::BuiltinOperator_CONV_2D, {in, filter, bias}, {out}, options);
}

void depthwise(Maker& m, const Window& w) {
  Step step = m.usual();
  step.zero_point = w.zero_point.value_or(step.zero_point);
  const auto in = m.input({w.batch, w.side, w.side, w.channels}, step);
  const auto filter = m.weights({1, w.kernel_h, w.kernel_w, w.out_channels}, 3);
  // TensorFlow Lite 2.14 has no convolution without a bias to compare with.
  const auto bias = m.bias(w.out_channels, step.scale);
  const auto out = m.result(
      {w.batch, w.out(w.kernel_h, w.stride_h), w.out(w.kernel_w, w.stride_w), w.out_channels},
      m.step_of_sum(std::int64_t{w.kernel_h} * w.kernel_w));
  ::tflite::DepthwiseConv2DOptionsT options;
  options.padding = w.padding;
  options.stride_h = w.stride_h;
  options.stride_w = w.stride_w;
  options.depth_multiplier = w.out_channels / w.channels;
  options.dilation_h_factor = options.dilation_w_factor = w.dilation;
  options.fused_activation_function = w.activation;
  m.op(::tflite::BuiltinOperator_DEPTHWISE_CONV_2D, {in, filter, bias}, {out}, options);
}

void transpose_convolution(Maker& m, Padding padding, std::int32_t stride, std::int32_t kernel) {
  const std::int32_t side = 5;
  const std::int32_t to = padding == Padding_SAME ? side * stride : ((side - 1) * stride) + kernel;
  const auto shape = m.integers({1, to, to, 6});
  const auto in = m.input({1, side, side, 4});
  const auto filter = m.weights({6, kernel, kernel, 4}, 0);
  const auto out = m.result({1, to, to, 6}, m.step_of_sum(std::int64_t{4} * kernel));
  ::tflite::TransposeConvOptionsT options;
  options.padding = padding;
  options.stride_h = options.stride_w = stride;
  m.op(::tflite::BuiltinOperator_TRANSPOSE_CONV, {shape, filter, in}, {out}, options);
}

void fully_connected(Maker& m, std::vector<std::int32_t> from, bool keep_dims, bool with_bias) {
  std::int32_t count = 1;
  for (const std::int32_t extent : from) {
    count *= extent;
  }
  const std::int32_t in_features = keep_dims ? from.back() : count / from.front();
  const auto in = m.input(from);
  const auto filter = m.weights({7, in_features}, 0);
  std::vector<std::int32_t> inputs{in, filter};
  if (with_bias) {
    inputs.push_back(m.bias(7, m.usual().scale));
  }
  std::vector<std::int32_t> to{count / in_features, 7};
  if (keep_dims) {
    to = from;
    to.back() = 7;
  }
  const auto out = m.result(to, m.step_of_sum(in_features));
  ::tflite::FullyConnectedOptionsT options;
  options.keep_num_dims = keep_dims;
  options.fused_activation_function = ActivationFunctionType_RELU;
  m.op(::tflite::BuiltinOperator_FULLY_CONNECTED, inputs, {out}, options);
}

/// An operator of two operands, of these shapes; the second a constant where asked.
template <class Options>
void pair_of(Maker& m, ::tflite::BuiltinOperator code, std::vector<std::int32_t> a,
             std::vector<std::int32_t> b, std::vector<std::int32_t> to, bool constant,
             ActivationFunctionType activation, float to_scale) {
  const auto left = m.input(std::move(a));
  const auto right = constant
                         ? m.constant(std::move(b))
                         : m.input(std::move(b), Step{0.03F, m.type() == Type::uint8 ? 90 : 11});
  Options options;
  options.fused_activation_function = activation;
  m.op(code, {left, right}, {m.result(std::move(to), Step{to_scale, m.usual().zero_point})},
       options);
}

/// One input, one output of the same shape, and parameters between.
void same_shape(Maker& m, ::tflite::BuiltinOperator code, std::vector<std::int32_t> shape,
                std::optional<Step> to) {
  const auto in = m.input(shape);
  m.op(code, {in}, {m.result(std::move(shape), to)});
}

struct Case {
  std::string name;
  std::function<void(Maker&)> make;
  std::uint8_t types;
};
constexpr std::uint8_t f32 = 1;
constexpr std::uint8_t eight = 2 | 4;
constexpr std::uint8_t both = f32 | eight;
constexpr std::uint8_t weighted = both | 8;

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, std::uint8_t types, std::function<void(Maker&)> make) {
    all.push_back({std::move(name), std::move(make), types});
  };
  const std::vector<std::pair<std::string, Window>> windows = {
      {"plain", {}},
      {"pointwise", {.kernel_h = 1, .kernel_w = 1}},
      {"pointwise_stride_2", {.kernel_h = 1, .kernel_w = 1, .stride_h = 2, .stride_w = 2}},
      // XNNPACK's own SAME padding counts below zero here.
      {"pointwise_stride_2_of_even_side",
       {.side = 8, .kernel_h = 1, .kernel_w = 1, .stride_h = 2, .stride_w = 2}},
      {"stride_2_beyond_kernel", {.side = 8, .kernel_h = 1, .stride_h = 2}},
      {"stride_2", {.stride_h = 2, .stride_w = 2}},
      {"stride_3_by_1_valid", {.stride_h = 3, .padding = Padding_VALID}},
      {"dilated", {.dilation = 2}},
      {"dilated_valid", {.dilation = 3, .padding = Padding_VALID}},
      {"five_by_one", {.kernel_h = 5, .kernel_w = 1}},
      {"even_kernel", {.kernel_h = 2, .kernel_w = 4}},
      {"seven_by_seven_stride_4",
       {.side = 15, .kernel_h = 7, .kernel_w = 7, .stride_h = 4, .stride_w = 4}},
      {"kernel_larger_than_picture", {.side = 3, .kernel_h = 5, .kernel_w = 5}},
      {"one_pixel", {.side = 1, .kernel_h = 1, .kernel_w = 1}},
      {"relu", {.activation = ActivationFunctionType_RELU}},
      {"relu6", {.activation = ActivationFunctionType_RELU6}},
      {"relu_n1_to_1", {.activation = ActivationFunctionType_RELU_N1_TO_1}},
      {"batch", {.batch = 3}},
  };
  for (const auto& [name, w] : windows) {
    add("conv_" + name, weighted, [w](Maker& m) { convolution(m, w); });
    Window d = w;
    d.out_channels = d.channels;
    add("depthwise_" + name, weighted, [d](Maker& m) { depthwise(m, d); });
  }
  add("conv_odd_channels", weighted, [](Maker& m) {
    convolution(m, {.channels = 3, .out_channels = 5, .stride_h = 2, .stride_w = 2});
  });
  add("conv_grouped", f32 | 4 | 8,
      [](Maker& m) { convolution(m, {.channels = 8, .out_channels = 12, .groups = 4}); });
  add("conv_lowest_zero_point", eight | 8, [](Maker& m) {
    convolution(m, {.activation = ActivationFunctionType_RELU6,
                    .zero_point = m.type() == Type::uint8 ? 0 : -128});
  });
  add("conv_highest_zero_point", eight | 8,
      [](Maker& m) { convolution(m, {.zero_point = m.type() == Type::uint8 ? 255 : 127}); });
  for (const std::int32_t multiplier : {2, 3, 8}) {
    add("depthwise_multiplier_" + std::to_string(multiplier), weighted, [multiplier](Maker& m) {
      depthwise(m, {.channels = 5, .out_channels = 5 * multiplier, .stride_h = 2, .stride_w = 2});
    });
  }
  add("depthwise_of_one_channel", weighted,
      [](Maker& m) { depthwise(m, {.channels = 1, .out_channels = 8}); });
  for (const auto padding : {Padding_SAME, Padding_VALID}) {
    for (const std::int32_t stride : {1, 2, 3}) {
      for (const std::int32_t kernel : {2, 3}) {
        add(std::string("transpose_conv_") + (padding == Padding_SAME ? "same_" : "valid_") +
                std::to_string(stride) + "_" + std::to_string(kernel),
            f32 | 2 | 8, [=](Maker& m) { transpose_convolution(m, padding, stride, kernel); });
      }
    }
  }
  for (const bool bias : {true, false}) {
    const std::string end = bias ? "" : "_without_bias";
    add("fully_connected" + end, weighted & ~8U,
        [=](Maker& m) { fully_connected(m, {3, 19}, false, bias); });
    add("fully_connected_flattens" + end, both,
        [=](Maker& m) { fully_connected(m, {2, 3, 3, 4}, false, bias); });
    add("fully_connected_keeps_dimensions" + end, both,
        [=](Maker& m) { fully_connected(m, {2, 3, 5}, true, bias); });
  }
  struct Operands {
    std::string name;
    std::vector<std::int32_t> a, b, to;
    bool constant;
  };
  const std::vector<Operands> operands = {
      {"same", {1, 5, 7, 6}, {1, 5, 7, 6}, {1, 5, 7, 6}, false},
      {"per_channel", {1, 5, 7, 6}, {6}, {1, 5, 7, 6}, true},
      {"scalar", {1, 5, 7, 6}, {1}, {1, 5, 7, 6}, true},
      {"constant", {2, 33}, {2, 33}, {2, 33}, true},
      {"broadcast_both", {1, 4, 1, 6}, {1, 1, 3, 6}, {1, 4, 3, 6}, false},
      {"gate", {1, 4, 4, 9}, {1, 1, 1, 9}, {1, 4, 4, 9}, false},
  };
  for (const Operands& o : operands) {
    for (const auto activation : {ActivationFunctionType_NONE, ActivationFunctionType_RELU6}) {
      const std::string end = o.name + (activation == ActivationFunctionType_NONE ? "" : "_relu6");
      add("add_" + end, both, [=](Maker& m) {
        pair_of<::tflite::AddOptionsT>(m, ::tflite::BuiltinOperator_ADD, o.a, o.b, o.to, o.constant,
                                       activation, 0.07F);
      });
      add("sub_" + end, both, [=](Maker& m) {
        pair_of<::tflite::SubOptionsT>(m, ::tflite::BuiltinOperator_SUB, o.a, o.b, o.to, o.constant,
                                       activation, 0.07F);
      });
      add("mul_" + end, both, [=](Maker& m) {
        pair_of<::tflite::MulOptionsT>(m, ::tflite::BuiltinOperator_MUL, o.a, o.b, o.to, o.constant,
                                       activation, 0.11F);
      });
    }
  }
  struct Pool {
    std::string name;
    std::int32_t side, h, w, stride;
    Padding padding;
    ActivationFunctionType activation;
  };
  const std::vector<Pool> pools = {
      {"2_by_2", 8, 2, 2, 2, Padding_VALID, ActivationFunctionType_NONE},
      {"3_by_3_same", 9, 3, 3, 1, Padding_SAME, ActivationFunctionType_NONE},
      {"3_by_2_same_stride_2", 9, 3, 2, 2, Padding_SAME, ActivationFunctionType_RELU6},
      {"whole", 7, 7, 7, 2, Padding_VALID, ActivationFunctionType_NONE},
  };
  for (const Pool& p : pools) {
    const auto make = [p](Maker& m, ::tflite::BuiltinOperator code) {
      const auto out = [&](std::int32_t k) {
        return p.padding == Padding_SAME ? (p.side + p.stride - 1) / p.stride
                                         : ((p.side - k) / p.stride) + 1;
      };
      const auto in = m.input({1, p.side, p.side, 11});
      ::tflite::Pool2DOptionsT options;
      options.padding = p.padding;
      options.filter_height = p.h;
      options.filter_width = p.w;
      options.stride_h = options.stride_w = p.stride;
      options.fused_activation_function = p.activation;
      m.op(code, {in}, {m.result({1, out(p.h), out(p.w), 11})}, options);
    };
    add("max_pool_" + p.name, both,
        [=](Maker& m) { make(m, ::tflite::BuiltinOperator_MAX_POOL_2D); });
    add("average_pool_" + p.name, p.name == "whole" ? both : f32,
        [=](Maker& m) { make(m, ::tflite::BuiltinOperator_AVERAGE_POOL_2D); });
  }
  for (const bool keep : {true, false}) {
    add(std::string("mean_of_picture") + (keep ? "_keeps_dimensions" : ""), both, [=](Maker& m) {
      const auto in = m.input({1, 7, 5, 13});
      ::tflite::ReducerOptionsT options;
      options.keep_dims = keep;
      m.op(::tflite::BuiltinOperator_MEAN, {in, m.integers({1, 2})},
           {keep ? m.result({1, 1, 1, 13}, Step{0.02F, m.usual().zero_point})
                 : m.result({1, 13}, Step{0.02F, m.usual().zero_point})},
           options);
    });
  }
  add("mean_of_channels", both, [](Maker& m) {
    const auto in = m.input({2, 6, 17});
    ::tflite::ReducerOptionsT options;
    options.keep_dims = false;
    m.op(::tflite::BuiltinOperator_MEAN, {in, m.integers({-1})}, {m.result({2, 6})}, options);
  });
  for (const int mode : {0, 1, 2}) {
    for (const auto& [name, from, to] :
         {std::tuple{"up", 5, 11}, std::tuple{"down", 12, 5}, std::tuple{"same", 6, 6}}) {
      add(std::string("resize_") + name +
              (mode == 0   ? "_legacy"
               : mode == 1 ? "_corners"
                           : "_centers"),
          f32 | 2, [=](Maker& m) {
            const auto in = m.input({1, from, from, 5});
            ::tflite::ResizeBilinearOptionsT options;
            options.align_corners = mode == 1;
            options.half_pixel_centers = mode == 2;
            m.op(::tflite::BuiltinOperator_RESIZE_BILINEAR, {in, m.integers({to, to + 2})},
                 {m.result({1, to, to + 2, 5})}, options);
          });
    }
  }
  const auto probability = [](Maker& m) {
    return Step{1.0F / 256, m.type() == Type::uint8 ? 0 : -128};
  };
  add("logistic", both, [=](Maker& m) {
    same_shape(m, ::tflite::BuiltinOperator_LOGISTIC, {1, 3, 3, 31}, probability(m));
  });
  add("tanh", both, [](Maker& m) {
    same_shape(m, ::tflite::BuiltinOperator_TANH, {1, 3, 3, 31},
               Step{1.0F / 128, m.type() == Type::uint8 ? 128 : 0});
  });
  add("hard_swish", both, [](Maker& m) {
    same_shape(m, ::tflite::BuiltinOperator_HARD_SWISH, {1, 3, 3, 31},
               Step{0.04F, m.type() == Type::uint8 ? 30 : -98});
  });
  add("elu", f32, [](Maker& m) { same_shape(m, ::tflite::BuiltinOperator_ELU, {2, 65}, {}); });
  add("softmax", f32, [](Maker& m) {
    const auto in = m.input({3, 21});
    ::tflite::SoftmaxOptionsT options;
    options.beta = 1;
    m.op(::tflite::BuiltinOperator_SOFTMAX, {in}, {m.result({3, 21})}, options);
  });

  // Those that are cheap stand behind an addition: alone they are left where they are.
  const auto after_add = [](Maker& m, const std::vector<std::int32_t>& shape) {
    const auto in = m.input(shape);
    const auto sum = m.result(shape, {}, false);
    m.op(::tflite::BuiltinOperator_ADD, {in, in}, {sum}, ::tflite::AddOptionsT());
    return sum;
  };
  const auto cheap = [&](const std::string& name, std::uint8_t types,
                         ::tflite::BuiltinOperator code) {
    add(name, types, [=](Maker& m) {
      const auto from = after_add(m, {1, 4, 5, 6});
      m.op(code, {from}, {m.result({1, 4, 5, 6})});
    });
  };
  cheap("relu", both, ::tflite::BuiltinOperator_RELU);
  cheap("relu6", both, ::tflite::BuiltinOperator_RELU6);
  cheap("relu_n1_to_1", both, ::tflite::BuiltinOperator_RELU_N1_TO_1);
  cheap("abs", f32, ::tflite::BuiltinOperator_ABS);
  cheap("neg", f32, ::tflite::BuiltinOperator_NEG);
  cheap("ceil", f32, ::tflite::BuiltinOperator_CEIL);
  cheap("floor", f32, ::tflite::BuiltinOperator_FLOOR);
  cheap("square", f32, ::tflite::BuiltinOperator_SQUARE);
  for (const float alpha : {0.1F, 1.5F, -0.25F}) {
    add("leaky_relu_" + std::to_string(static_cast<int>(alpha * 100 + 100)), both, [=](Maker& m) {
      const auto from = after_add(m, {1, 4, 5, 6});
      ::tflite::LeakyReluOptionsT options;
      options.alpha = alpha;
      m.op(::tflite::BuiltinOperator_LEAKY_RELU, {from},
           {m.result({1, 4, 5, 6}, Step{0.08F, m.usual().zero_point})}, options);
    });
  }
  add("prelu", f32, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_PRELU, {from, m.constant({1, 1, 6})}, {m.result({1, 4, 5, 6})});
  });
  add("div", f32, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_DIV, {from, m.constant({6})}, {m.result({1, 4, 5, 6})},
         ::tflite::DivOptionsT());
  });
  add("maximum_minimum", f32, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    const auto larger = m.result({1, 4, 5, 6}, {}, false);
    m.op(::tflite::BuiltinOperator_MAXIMUM, {from, m.constant({6})}, {larger});
    m.op(::tflite::BuiltinOperator_MINIMUM, {larger, m.constant({1})}, {m.result({1, 4, 5, 6})});
  });
  add("pad", both, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    auto paddings = m.integers({0, 0, 1, 2, 3, 0, 0, 1});
    m.model().subgraphs.front()->tensors.back()->shape = {4, 2};
    m.op(::tflite::BuiltinOperator_PAD, {from, paddings}, {m.result({1, 7, 8, 7})});
  });
  add("reshape", both, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_RESHAPE, {from, m.integers({6, 20})}, {m.result({6, 20})},
         ::tflite::ReshapeOptionsT());
  });
  add("squeeze", both, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 1, 6});
    m.op(::tflite::BuiltinOperator_SQUEEZE, {from}, {m.result({4, 6})},
         ::tflite::SqueezeOptionsT());
  });
  add("expand_dims", both, [=](Maker& m) {
    const auto from = after_add(m, {4, 6});
    m.op(::tflite::BuiltinOperator_EXPAND_DIMS, {from, m.integers({1})}, {m.result({4, 1, 6})},
         ::tflite::ExpandDimsOptionsT());
  });
  add("transpose", both, [=](Maker& m) {
    const auto from = after_add(m, {2, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_TRANSPOSE, {from, m.integers({0, 3, 1, 2})},
         {m.result({2, 6, 4, 5})});
  });
  add("slice", both, [=](Maker& m) {
    const auto from = after_add(m, {2, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_SLICE,
         {from, m.integers({0, 1, 2, 0}), m.integers({2, 3, 1, -1})}, {m.result({2, 3, 1, 6})});
  });
  add("strided_slice", both, [=](Maker& m) {
    const auto from = after_add(m, {2, 4, 5, 6});
    ::tflite::StridedSliceOptionsT options;
    options.begin_mask = 1;
    options.end_mask = 8;
    m.op(::tflite::BuiltinOperator_STRIDED_SLICE,
         {from, m.integers({1, -3, 1, 2}), m.integers({2, -1, 9, 1}), m.integers({1, 1, 1, 1})},
         {m.result({2, 2, 4, 4})}, options);
  });
  for (const std::int32_t parts : {2, 3, 6}) {
    add("split_" + std::to_string(parts), both, [=](Maker& m) {
      const auto from = after_add(m, {2, 5, 6});
      std::vector<std::int32_t> to;
      const auto axis = m.integers({-1});
      for (std::int32_t i = 0; i < parts; ++i) {
        to.push_back(m.result({2, 5, 6 / parts}));
      }
      ::tflite::SplitOptionsT options;
      options.num_splits = parts;
      m.op(::tflite::BuiltinOperator_SPLIT, {axis, from}, to, options);
    });
  }
  for (const int parts : {2, 3, 5, 6, 11}) {
    for (const bool rescale : {false, true}) {
      add("concatenation_" + std::to_string(parts) + (rescale ? "_rescales" : ""),
          // TensorFlow Lite wants one scale for all where they are int8.
          rescale ? 2 : both, [=](Maker& m) {
            std::vector<std::int32_t> from;
            std::int32_t sum = 0;
            const auto first = after_add(m, {1, 3, 1, 4});
            from.push_back(first);
            sum += 1;
            for (std::int32_t i = 1; i < parts; ++i) {
              from.push_back(m.input({1, 3, i, 4}, rescale && i % 2 == 1
                                                       ? std::optional(Step{0.04F, 3})
                                                       : std::nullopt));
              sum += i;
            }
            ::tflite::ConcatenationOptionsT options;
            options.axis = -2;
            m.op(::tflite::BuiltinOperator_CONCATENATION, from, {m.result({1, 3, sum, 4})},
                 options);
          });
    }
  }
  add("dequantize", eight, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_DEQUANTIZE, {from}, {m.result_of(Type::float32, {1, 4, 5, 6})});
  });
  add("requantize", eight, [=](Maker& m) {
    const auto from = after_add(m, {1, 4, 5, 6});
    m.op(::tflite::BuiltinOperator_QUANTIZE, {from},
         {m.result({1, 4, 5, 6}, Step{0.08F, m.usual().zero_point + 5})});
  });
  return all;
}

TEST(Operators, are_as_tensorflow_lite_computes_them) {
  GANTRY_NEEDS_XNNPACK();
  for (const Case& one : cases()) {
    for (const Type type : {Type::float32, Type::uint8, Type::int8, Type::int8_channels}) {
      if ((one.types & static_cast<std::uint8_t>(type)) != 0) {
        Maker maker(type);
        one.make(maker);
        EXPECT_TRUE(is_right(maker)) << one.name << " of " << name_of(type);
      }
    }
  }
}

TEST(Operators, are_the_same_with_two_threads) {
  GANTRY_NEEDS_XNNPACK();
  for (const Type type : {Type::float32, Type::uint8, Type::int8_channels}) {
    Maker maker(type);
    convolution(maker, {.side = 40, .channels = 16, .out_channels = 24});
    EXPECT_TRUE(is_right(maker, 2)) << name_of(type);
  }
}

// The library's key for packed weights is the same for both, and what is packed is not: it contains
// the input's zero point, and each channel's scale of the result.
TEST(Operators, may_have_weights_in_common) {
  GANTRY_NEEDS_XNNPACK();
  for (const Type type : {Type::float32, Type::uint8, Type::int8, Type::int8_channels}) {
    Maker m(type);
    const Step usual = m.usual();
    const auto first = m.input({1, 8, 8, 4});
    const auto second = m.input({1, 8, 8, 4}, Step{usual.scale, usual.zero_point + 40});
    const auto weights = m.weights({6, 1, 1, 4}, 0);
    const auto bias = m.bias(6, usual.scale);
    ::tflite::Conv2DOptionsT options;
    options.stride_h = options.stride_w = 1;
    for (const auto input : {first, second}) {
      const auto out = m.result({1, 8, 8, 6}, m.step_of_sum(4));
      m.op(::tflite::BuiltinOperator_CONV_2D, {input, weights, bias}, {out}, options);
    }
    EXPECT_TRUE(is_right(m)) << name_of(type);
  }
}

/// [1,8,8,4] → 3×3 convolution with weights and bias in float16 → + a constant in float16.
/// Answers the widened weights.
std::int32_t half_convolution(Maker& m) {
  const auto in = m.input({1, 8, 8, 4});
  const auto weights = m.half(m.weights({6, 3, 3, 4}, 0));
  const auto bias = m.half(m.bias(6, 1));
  const auto convolved = m.result({1, 8, 8, 6}, {}, false);
  ::tflite::Conv2DOptionsT options;
  options.stride_h = options.stride_w = 1;
  m.op(::tflite::BuiltinOperator_CONV_2D, {in, weights, bias}, {convolved}, options);
  m.op(::tflite::BuiltinOperator_ADD, {convolved, m.half(m.constant({6}))},
       {m.result({1, 8, 8, 6})}, ::tflite::AddOptionsT());
  return weights;
}

TEST(Operators, have_float16_constants) {
  GANTRY_NEEDS_XNNPACK();
  Maker m(Type::float32);
  half_convolution(m);
  EXPECT_TRUE(is_right(m));
  EXPECT_TRUE(is_right(m, 2));
}

TEST(Operators, have_float16_constants_that_others_read_too) {
  GANTRY_NEEDS_XNNPACK();
  Maker m(Type::float32);
  const auto weights = half_convolution(m);
  m.model().subgraphs.front()->outputs.push_back(weights);  // now TensorFlow Lite has to write it
  // Computed with constants alone, and so is its result.
  const auto flat = m.result({216});
  m.op(::tflite::BuiltinOperator_RESHAPE, {weights, m.integers({216})}, {flat},
       ::tflite::ReshapeOptionsT());
  const auto difference = compare(test::pack(m.model()));
  ASSERT_TRUE(difference) << difference.error().message;
  EXPECT_EQ(difference->operators, 6U);
  EXPECT_EQ(difference->taken, 4U) << difference->why;
  EXPECT_LE(difference->largest, float_tolerance);
}

TEST(Operators, quantize_from_float) {
  GANTRY_NEEDS_XNNPACK();
  for (const Type to : {Type::uint8, Type::int8}) {
    Maker maker(Type::float32);
    const auto in = maker.input({1, 5, 5, 7});
    const auto sum = maker.result({1, 5, 5, 7}, {}, false);
    maker.op(::tflite::BuiltinOperator_ADD, {in, in}, {sum}, ::tflite::AddOptionsT());
    maker.op(::tflite::BuiltinOperator_QUANTIZE, {sum},
             {maker.result_of(to, {1, 5, 5, 7}, Step{0.03F, to == Type::uint8 ? 128 : 0})});
    const auto difference = compare(test::pack(maker.model()));
    ASSERT_TRUE(difference) << difference.error().message;
    EXPECT_EQ(difference->taken, 2U) << difference->why;
    EXPECT_LE(difference->largest, one_step);
  }
}

Window any_window() {
  Window w;
  w.side = *rc::gen::inRange(1, 14);
  w.channels = *rc::gen::inRange(1, 10);
  w.out_channels = *rc::gen::inRange(1, 10);
  w.kernel_h = *rc::gen::inRange(1, 6);
  w.kernel_w = *rc::gen::inRange(1, 6);
  w.stride_h = *rc::gen::inRange(1, 4);
  w.stride_w = *rc::gen::inRange(1, 4);
  w.dilation = w.stride_h == 1 && w.stride_w == 1 ? *rc::gen::inRange(1, 3) : 1;
  w.padding = *rc::gen::element(Padding_SAME, Padding_VALID);
  w.activation = *rc::gen::element(ActivationFunctionType_NONE, ActivationFunctionType_RELU,
                                   ActivationFunctionType_RELU6);
  w.batch = *rc::gen::inRange(1, 3);
  const auto reach = [&](std::int32_t kernel) { return ((kernel - 1) * w.dilation) + 1; };
  RC_PRE(w.padding == Padding_SAME || w.side >= std::max(reach(w.kernel_h), reach(w.kernel_w)));
  return w;
}

void check(Maker& maker, int seed) {
  const auto difference = compare(test::pack(maker.model()), 1, static_cast<std::uint32_t>(seed));
  if (!difference) {
    RC_FAIL(difference.error().message);
  }
  RC_ASSERT(difference->why == "");
  RC_ASSERT(difference->largest <= (maker.is_float() ? float_tolerance : one_step));
}

// NOLINTBEGIN(misc-use-anonymous-namespace): RapidCheck's macro
TEST(OperatorsProperty, convolutions_of_any_shape) {
  GANTRY_NEEDS_XNNPACK();
  EXPECT_TRUE(rc::check([] {
    Maker maker(*rc::gen::element(Type::float32, Type::uint8, Type::int8, Type::int8_channels));
    convolution(maker, any_window());
    check(maker, *rc::gen::inRange(1, 1000));
  }));
}

TEST(OperatorsProperty, depthwise_convolutions_of_any_shape) {
  GANTRY_NEEDS_XNNPACK();
  EXPECT_TRUE(rc::check([] {
    Maker maker(*rc::gen::element(Type::float32, Type::uint8, Type::int8, Type::int8_channels));
    Window window = any_window();
    window.out_channels = window.channels * *rc::gen::inRange(1, 4);
    depthwise(maker, window);
    check(maker, *rc::gen::inRange(1, 1000));
  }));
}

TEST(OperatorsProperty, sums_of_any_shape) {
  GANTRY_NEEDS_XNNPACK();
  EXPECT_TRUE(rc::check([] {
    Maker maker(*rc::gen::element(Type::float32, Type::uint8, Type::int8));
    const std::vector<std::int32_t> shape = *rc::gen::container<std::vector<std::int32_t>>(
        static_cast<std::size_t>(*rc::gen::inRange(1, 5)), rc::gen::inRange(1, 12));
    std::vector<std::int32_t> other = shape;
    for (std::int32_t& extent : other) {
      extent = *rc::gen::element(extent, 1);
    }
    pair_of<::tflite::AddOptionsT>(maker, ::tflite::BuiltinOperator_ADD, shape, other, shape,
                                   *rc::gen::arbitrary<bool>(), ActivationFunctionType_NONE, 0.07F);
    check(maker, *rc::gen::inRange(1, 1000));
  }));
}
// NOLINTEND(misc-use-anonymous-namespace)

}  // namespace
}  // namespace gantry::xnnpack
