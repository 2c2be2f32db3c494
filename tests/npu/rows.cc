#include "rows.h"

#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <utility>

#include "gantry/test/model_object.h"
#include "net.h"

namespace gantry::npu_test {
namespace {

using ::tflite::ActivationFunctionType_NONE;
using ::tflite::ActivationFunctionType_RELU;
using ::tflite::ActivationFunctionType_RELU6;
using ModelPtr = std::unique_ptr<::tflite::ModelT>;
using Index = std::int32_t;

// ---- single convolutions

ModelPtr one(std::vector<std::int32_t> shape, const Conv& conv, std::int32_t zero_point = 120) {
  Net net;
  const Index x = net.input(std::move(shape), zero_point);
  return net.with_outputs({net.conv(x, conv)});
}

ModelPtr square(std::int32_t side, std::int32_t channels, const Conv& conv) {
  return one({1, side, side, channels}, conv);
}

/// Without a border, which is a row of its own.
ModelPtr depthwise(std::int32_t channels) {
  return square(8, channels,
                {.out = channels, .kernel = 3, .depthwise = true, .same_padding = false});
}

/// One convolution, then changed.
ModelPtr changed(const Conv& conv, const std::function<void(Net&, ::tflite::OperatorT&)>& change) {
  Net net;
  const Index x = net.input({1, 8, 8, 16});
  const Index y = net.conv(x, conv);
  change(net, *net.graph().operators.front());
  return net.with_outputs({y});
}

std::vector<std::uint8_t>& bytes_of(Net& net, Index tensor) {
  return net.model().buffers[net.tensor(tensor).buffer]->data;
}

/// The same numbers, all quantised tensors signed.
void to_int8(Net& net) {
  for (auto& tensor : net.graph().tensors) {
    if (tensor->type == ::tflite::TensorType_UINT8) {
      tensor->type = ::tflite::TensorType_INT8;
      tensor->quantization->zero_point = {tensor->quantization->zero_point.front() - 128};
      for (auto& value : net.model().buffers[tensor->buffer]->data) {
        value ^= 0x80U;
      }
    }
  }
}

/// Every tensor real numbers, weights and bias small ones.
void to_float(Net& net) {
  for (auto& tensor : net.graph().tensors) {
    std::vector<std::uint8_t> floats;
    auto& data = net.model().buffers[tensor->buffer]->data;
    const std::size_t step = tensor->type == ::tflite::TensorType_INT32 ? 4 : 1;
    for (std::size_t i = 0; i < data.size(); i += step) {
      const float value = (static_cast<float>(data[i]) - 128) / 128;
      const auto raw = std::bit_cast<std::array<std::uint8_t, sizeof value>>(value);
      floats.insert(floats.end(), raw.begin(), raw.end());
    }
    data = std::move(floats);
    tensor->type = ::tflite::TensorType_FLOAT32;
    tensor->quantization = std::make_unique<::tflite::QuantizationParametersT>();
  }
}

::tflite::Conv2DOptionsT& conv_options(::tflite::OperatorT& op) {
  return *op.builtin_options.AsConv2DOptions();
}

void dilate(Net& net, ::tflite::OperatorT& op, std::int32_t version) {
  conv_options(op).dilation_h_factor = conv_options(op).dilation_w_factor = 2;
  net.model().operator_codes[op.opcode_index]->version = version;
}

// ---- operators that Teflon only looks at

Index int32_input(Net& net, std::vector<std::int32_t> shape) {
  const Index tensor = test::add_uint8(net.model(), std::move(shape));
  net.tensor(tensor).type = ::tflite::TensorType_INT32;
  net.tensor(tensor).quantization = std::make_unique<::tflite::QuantizationParametersT>();
  net.graph().inputs.push_back(tensor);
  return tensor;
}

Index int32_constant(Net& net, const std::vector<std::int32_t>& values) {
  const Index tensor =
      test::add_uint8(net.model(), {static_cast<std::int32_t>(values.size())}, true);
  net.tensor(tensor).type = ::tflite::TensorType_INT32;
  net.tensor(tensor).quantization = std::make_unique<::tflite::QuantizationParametersT>();
  auto& data = bytes_of(net, tensor);
  data.resize(values.size() * sizeof(std::int32_t));
  std::memcpy(data.data(), values.data(), data.size());
  return tensor;
}

/// A tensor with the numbers of another and a shape of its own.
Index like(Net& net, Index other, std::vector<std::int32_t> shape) {
  const Index tensor = test::add_uint8(net.model(), std::move(shape));
  net.tensor(tensor).quantization->scale = net.tensor(other).quantization->scale;
  net.tensor(tensor).quantization->zero_point = net.tensor(other).quantization->zero_point;
  return tensor;
}

/// A convolution, and behind it what `add` adds to it: nobody reads that, everybody looks at it.
ModelPtr conv_and(const std::function<void(Net&, Index)>& add) {
  Net net;
  const Index y = net.conv(net.input({1, 8, 8, 16}), {});
  add(net, y);
  return net.with_outputs({y});
}

ModelPtr reshape(const std::function<std::vector<Index>(Net&, Index)>& inputs) {
  return conv_and([&](Net& net, Index y) {
    const Index out = like(net, y, {1, 1024});
    ::tflite::ReshapeOptionsT options;
    options.new_shape = {1, 1024};
    test::add_operator(net.model(), ::tflite::BuiltinOperator_RESHAPE, inputs(net, y), {out})
        .builtin_options.Set(std::move(options));
  });
}

// ---- additions

/// Two 1×1 convolutions of one input, the second the host.
ModelPtr sum(const Conv& first, const Conv& host,
             const std::function<std::vector<Index>(Net&, Index, Index)>& outputs,
             std::vector<std::int32_t> shape = {1, 12, 12, 16}, std::int32_t zero_point = 120) {
  Net net;
  const Index x = net.input(std::move(shape), zero_point);
  const Index a = net.conv(x, first);
  const Index b = net.conv(x, host);
  return net.with_outputs(outputs(net, a, b));
}

std::vector<Index> add_second_first(Net& net, Index a, Index b) { return {net.add(b, a)}; }

::tflite::AddOptionsT& add_options(Net& net) {
  return *net.graph().operators.back()->builtin_options.AsAddOptions();
}

std::vector<Row> make_rows() {
  using enum Alone;
  std::vector<Row> rows;
  const auto row = [&](std::string_view name, std::string_view section, std::string_view rule,
                       Alone mesa_26_1, Alone mesa_26_2, ModelPtr (*build)(),
                       std::vector<std::int32_t> parameters = {}) {
    rows.push_back({name, section, rule, mesa_26_1, mesa_26_2, build, std::move(parameters)});
  };

  // ---- B.5: while Teflon looks at the graph
  row("reshape with one input", "B.5", "reshape-without-shape", crash, crash,
      [] { return reshape([](Net&, Index y) { return std::vector{y}; }); });
  row("reshape with a computed shape", "B.5", "reshape-shape-computed", crash, crash,
      [] {
        return reshape([](Net& net, Index y) { return std::vector{y, int32_input(net, {2})}; });
      },
      {1, 1024});
  row("reshape with a constant shape", "B.5", "", right, right, [] {
    return reshape(
        [](Net& net, Index y) { return std::vector{y, int32_constant(net, {1, 1024})}; });
  });
  row("transpose with a computed permutation", "B.5", "parameter-computed", crash, crash,
      [] {
        return conv_and([](Net& net, Index y) {
          test::add_operator(net.model(), ::tflite::BuiltinOperator_TRANSPOSE,
                             {y, int32_input(net, {4})}, {like(net, y, {1, 8, 8, 16})})
              .builtin_options.Set(::tflite::TransposeOptionsT());
        });
      },
      {0, 2, 1, 3});
  row("strided slice with a computed stride", "B.5", "parameter-computed", crash, crash,
      [] {
        return conv_and([](Net& net, Index y) {
          test::add_operator(net.model(), ::tflite::BuiltinOperator_STRIDED_SLICE,
                             {y, int32_constant(net, {0, 0, 0, 0}),
                              int32_constant(net, {1, 8, 8, 16}), int32_input(net, {4})},
                             {like(net, y, {1, 8, 8, 16})})
              .builtin_options.Set(::tflite::StridedSliceOptionsT());
        });
      },
      {1, 1, 1, 1});
  row("split along a computed axis", "B.5", "parameter-computed", crash, crash,
      [] {
        return conv_and([](Net& net, Index y) {
          ::tflite::SplitOptionsT options;
          options.num_splits = 2;
          test::add_operator(net.model(), ::tflite::BuiltinOperator_SPLIT,
                             {int32_input(net, {1}), y},
                             {like(net, y, {1, 8, 8, 8}), like(net, y, {1, 8, 8, 8})})
              .builtin_options.Set(std::move(options));
        });
      },
      {3});
  row("pad by a computed number", "B.5", "parameter-computed", crash, crash,
      [] {
        return conv_and([](Net& net, Index y) {
          test::add_operator(net.model(), ::tflite::BuiltinOperator_PAD,
                             {y, int32_input(net, {4, 2})}, {like(net, y, {1, 10, 10, 16})})
              .builtin_options.Set(::tflite::PadOptionsT());
        });
      },
      {0, 0, 1, 1, 1, 1, 0, 0});
  row("convolution with two inputs", "B.5", "conv-without-bias", undefined, crash,
      [] { return changed({}, [](Net&, ::tflite::OperatorT& op) { op.inputs.pop_back(); }); });
  // Not the depthwise one: that crashes TensorFlow Lite's own kernel, without any delegate.
  row("convolution whose bias is -1", "B.5", "conv-bias-absent", refused, refused,
      [] { return changed({}, [](Net&, ::tflite::OperatorT& op) { op.inputs[2] = -1; }); });
  row("scale without a zero point", "B.5", "zero-point-missing", refused, refused, [] {
    return changed({}, [](Net& net, ::tflite::OperatorT& op) {
      net.tensor(op.inputs[0]).quantization->zero_point.clear();
    });
  });

  // ---- C.1: what the driver refuses, or should
  row("scales per channel", "C.1", "", refused, refused, [] {
    return changed({}, [](Net& net, ::tflite::OperatorT& op) {
      to_int8(net);
      for (const Index tensor : {op.inputs[1], op.inputs[2]}) {
        auto& quantization = *net.tensor(tensor).quantization;
        quantization.scale.resize(16, quantization.scale.front());
        quantization.scale.back() *= 2;
        quantization.zero_point.assign(16, 0);
      }
    });
  });
  row("dilation", "C.1", "", refused, refused, [] {
    return changed({.kernel = 3}, [](Net& net, ::tflite::OperatorT& op) { dilate(net, op, 2); });
  });
  row("dilation in version 1", "C.1", "dilation-version-1", wrong, wrong, [] {
    return changed({.kernel = 3}, [](Net& net, ::tflite::OperatorT& op) { dilate(net, op, 1); });
  });
  row("relu, zero point 0", "C.1", "", right, right,
      [] { return square(8, 16, {.activation = ActivationFunctionType_RELU, .zero_point = 0}); });
  row("relu, zero point 120", "C.1", "activation-lost", wrong, wrong,
      [] { return square(8, 16, {.activation = ActivationFunctionType_RELU}); });
  row("relu6 of a range beyond 6", "C.1", "", refused, refused, [] {
    return square(8, 16,
                  {.activation = ActivationFunctionType_RELU6, .zero_point = 0, .scale = 0.1F});
  });
  row("constant operand of an addition", "C.1", "", refused, refused, [] {
    Net net;
    const Index x = net.input({1, 12, 12, 16});
    return net.with_outputs({net.add(x, test::add_uint8(net.model(), {1, 12, 12, 16}, true))});
  });
  row("grouped convolution", "C.1", "grouped", wrong, wrong, [] {
    return changed({.kernel = 3}, [](Net& net, ::tflite::OperatorT& op) {
      net.tensor(op.inputs[1]).shape[3] = 8;
      bytes_of(net, op.inputs[1]).resize(std::size_t{16} * 9 * 8);
    });
  });

  // ---- C.2: accepted but wrong or fatal
  row("int8", "C.2", "int8", wrong, wrong,
      [] { return changed({}, [](Net& net, ::tflite::OperatorT&) { to_int8(net); }); });
  row("float32", "C.2", "float", wrong, wrong,
      [] { return changed({}, [](Net& net, ::tflite::OperatorT&) { to_float(net); }); });
  row("stride 1×2", "C.2", "stride-uneven", wrong, wrong,
      [] { return square(8, 16, {.stride = 1, .stride_width = 2}); });
  row("kernel 3×1", "C.2", "kernel-uneven", wrong, wrong,
      [] { return square(8, 16, {.kernel = 3, .kernel_width = 1}); });
  row("kernel 1×3", "C.2", "kernel-uneven", wrong, wrong,
      [] { return square(8, 16, {.kernel = 1, .kernel_width = 3}); });
  row("map 8×16, kernel 3×3", "C.2", "map-uneven", wrong, wrong,
      [] { return one({1, 8, 16, 16}, {.kernel = 3}); });
  row("map 8×16, stride 2", "C.2", "map-uneven", wrong, wrong,
      [] { return one({1, 8, 16, 16}, {.stride = 2}); });
  row("map 8×16, kernel 1×1", "C.2", "", right, right, [] { return one({1, 8, 16, 16}, {}); });
  row("batch 2", "C.2", "batch", wrong, wrong, [] { return one({2, 8, 8, 16}, {}); });
  row("depthwise, multiplier 2", "C.2", "depthwise-multiplier", wrong, wrong,
      [] { return square(8, 16, {.out = 32, .kernel = 3, .depthwise = true}); });
  row("depthwise of one channel to 8", "C.2", "depthwise-one-channel", wrong, wrong,
      [] { return square(8, 1, {.out = 8, .kernel = 3, .depthwise = true}); });
  row("one channel to one", "C.2", "one-to-one-channel", wrong, wrong,
      [] { return square(8, 1, {.out = 1}); });
  row("depthwise of 40 channels", "C.2", "depthwise-channels-33-47", wrong, wrong,
      [] { return depthwise(40); });
  row("depthwise of 104 channels", "C.2", "depthwise-channels-33-47", wrong, wrong,
      [] { return depthwise(104); });
  row("depthwise of 88 channels", "C.2", "depthwise-channels-81-95", wrong, wrong,
      [] { return depthwise(88); });
  row("depthwise of 24 channels", "C.2", "depthwise-channels-17-63", wrong, right,
      [] { return depthwise(24); });
  row("depthwise of 56 channels", "C.2", "depthwise-channels-17-63", wrong, right,
      [] { return depthwise(56); });
  row("depthwise of 72 channels", "C.2", "", right, right, [] { return depthwise(72); });
  row("convolution of 24 channels", "C.2", "conv-channels-17-31", wrong, right,
      [] { return square(8, 24, {.kernel = 3}); });
  row("convolution of 40 channels", "C.2", "", right, right,
      [] { return square(8, 40, {.kernel = 3}); });
  row("many weights and a large map", "C.2", "weights-and-input-too-large", crash, crash,
      [] { return square(30, 256, {.out = 256, .kernel = 3}); });
  // The specification says wide: Mesa swaps the axes, and 4×1900 is merely wrong.
  row("map 1900 high", "C.2", "map-too-wide", hang, hang,
      [] { return one({1, 1900, 4, 64}, {.kernel = 3}); });
  row("addition, its host padded", "C.2", "add-padded", wrong, wrong,
      [] { return sum({}, {.kernel = 3}, add_second_first); });
  row("addition, its addend padded", "C.2", "add-padded", wrong, wrong,
      [] { return sum({.kernel = 3}, {}, add_second_first); });
  row("addition of rank 2", "C.2", "add-no-host", crash, crash, [] {
    Net net;
    const Index a = net.input({1, 64});
    return net.with_outputs({net.add(a, net.input({1, 64}))});
  });

  // ---- C.3: additions
  row("addition, as it should be", "C.3", "add-scale", wrong, right,
      [] { return sum({}, {}, add_second_first); });
  row("addition, in slices", "C.3", "add-scale", wrong, right,
      [] { return sum({.out = 64}, {.out = 64}, add_second_first, {1, 80, 80, 64}); });
  row("addend's scale of the captured model", "C.3", "add-scale-captured", wrong, right,
      [] { return sum({.scale = 0.090192F}, {}, add_second_first); });
  row("addition of two inputs", "C.3", "add-no-host", crash, crash, [] {
    Net net;
    const Index a = net.input({1, 12, 12, 16});
    return net.with_outputs({net.add(a, net.input({1, 12, 12, 16}))});
  });
  row("addition to an input", "C.3", "add-no-host", crash, crash, [] {
    Net net;
    const Index x = net.input({1, 12, 12, 16});
    return net.with_outputs({net.add(x, net.conv(x, {}))});
  });
  row("addend that no convolution has", "C.3", "add-second-operand", crash, crash, [] {
    Net net;
    const Index a = net.conv(net.input({1, 12, 12, 16}), {});
    return net.with_outputs({net.add(a, net.input({1, 12, 12, 16}))});
  });
  row("host before the addend", "C.3", "add-order", wrong, wrong, [] {
    return sum({}, {}, [](Net& net, Index a, Index b) { return std::vector{net.add(a, b)}; });
  });
  row("host read by others", "C.3", "add-host-shared", wrong, wrong, [] {
    return sum({}, {}, [](Net& net, Index a, Index b) {
      const Index first = net.add(b, a);
      return std::vector{first, net.conv(b, {})};
    });
  });
  row("host is an output", "C.3", "add-host-shared", crash, crash, [] {
    return sum({}, {}, [](Net& net, Index a, Index b) { return std::vector{net.add(b, a), b}; });
  });
  row("addition to an addition", "C.3", "add-chained", wrong, wrong, [] {
    Net net;
    const Index x = net.input({1, 12, 12, 16});
    const Index c = net.conv(x, {});
    const Index a = net.conv(x, {});
    const Index b = net.conv(x, {});
    return net.with_outputs({net.add(net.add(b, a), c)});
  });
  row("depthwise host", "C.3", "add-host-depthwise", wrong, right,
      [] { return sum({}, {.depthwise = true}, add_second_first); });
  row("host's range ends at zero", "C.3", "add-host-range", wrong, wrong,
      [] { return sum({}, {.zero_point = 0}, add_second_first); });
  row("host with a relu", "C.3", "add-host-activation", wrong, wrong, [] {
    return sum({}, {.activation = ActivationFunctionType_RELU, .zero_point = 0}, add_second_first);
  });
  row("addition with a relu, zero point 120", "C.1", "activation-lost", wrong, wrong, [] {
    return sum({}, {}, [](Net& net, Index a, Index b) {
      const Index out = net.add(b, a);
      add_options(net).fused_activation_function = ActivationFunctionType_RELU;
      return std::vector{out};
    });
  });
  row("addition with a relu6 of a range beyond 6", "C.1", "add-relu6-range", wrong, wrong, [] {
    return sum({}, {}, [](Net& net, Index a, Index b) {
      const Index out = net.add(b, a, 0);
      add_options(net).fused_activation_function = ActivationFunctionType_RELU6;
      return std::vector{out};
    });
  });
  row("addition that is broadcast", "C.3", "add-shapes", wrong, wrong, [] {
    Net net;
    const Index small = net.conv(net.input({1, 1, 1, 16}), {});
    return net.with_outputs({net.add(net.conv(net.input({1, 12, 12, 16}), {}), small)});
  });

  // ---- found beside them
  row("addend is the host's input", "D.2", "add-addend-is-host-input", wrong, right, [] {
    Net net;
    const Index a = net.conv(net.input({1, 12, 12, 16}), {});
    return net.with_outputs({net.add(net.conv(a, {}), a)});
  });
  row("addition behind a single channel", "E.3", "add-single-channel", wrong, wrong,
      [] { return sum({}, {}, add_second_first, {1, 12, 12, 1}); });
  row("addition on 9 pixels", "E.8", "add-small-map", wrong, right,
      [] { return sum({}, {}, add_second_first, {1, 3, 3, 16}); });
  row("single channel between convolutions", "E.3", "single-channel-inside", wrong, wrong, [] {
    Net net;
    return net.with_outputs({net.conv(net.conv(net.input({1, 8, 8, 16}), {.out = 1}), {})});
  });
  row("odd number of outputs", "E.4", "conv-odd-outputs", wrong, wrong,
      [] { return square(8, 40, {.out = 17, .kernel = 3}); });
  row("padded depthwise, zero point 120", "E.6", "depthwise-border", right, right,
      [] { return square(8, 32, {.out = 32, .kernel = 3, .depthwise = true}); });
  row("stride 8", "E.2", "register-too-narrow", wrong, wrong,
      [] { return square(16, 16, {.stride = 8}); });
  row("constant input", "B.3", "constant-input", wrong, wrong, [] {
    Net net;
    const Index y = net.conv(net.input({1, 8, 8, 16}), {});
    const Index constant = test::add_uint8(net.model(), {1, 8, 8, 16}, true);
    auto& data = bytes_of(net, constant);
    for (std::size_t i = 0; i < data.size(); ++i) {
      data[i] = static_cast<std::uint8_t>(37 * i);
    }
    return net.with_outputs({y, net.conv(constant, {})});
  });
  row("weights that are an input", "B.3", "conv-parameters-computed", crash, crash, [] {
    return changed({}, [](Net& net, ::tflite::OperatorT& op) {
      net.tensor(op.inputs[1]).buffer = 0;
      net.graph().inputs.push_back(op.inputs[1]);
    });
  });
  return rows;
}

}  // namespace

std::string_view alone_name(Alone alone) noexcept {
  switch (alone) {
    case Alone::right:
      return "right";
    case Alone::refused:
      return "refused";
    case Alone::wrong:
      return "wrong";
    case Alone::crash:
      return "crash";
    case Alone::hang:
      return "hang";
    case Alone::undefined:
      return "undefined";
  }
  return "?";
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table = make_rows();
  return table;
}

}  // namespace gantry::npu_test
