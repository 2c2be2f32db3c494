#include "gantry/npu/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"

// A model of few operators for each row of the table, and its neighbour for which the row is not.
namespace gantry::npu {
namespace {

using test::ConvSpec;
using ::tflite::ModelT;

::tflite::SubGraphT& graph_of(ModelT& model) { return *model.subgraphs.front(); }
::tflite::OperatorT& op(ModelT& model, std::size_t i = 0) { return *graph_of(model).operators[i]; }
/// Tensor i of an operator's inputs.
::tflite::TensorT& input(ModelT& model, std::size_t i, std::size_t of = 0) {
  return *graph_of(model).tensors[static_cast<std::size_t>(op(model, of).inputs[i])];
}
::tflite::TensorT& output(ModelT& model, std::size_t of = 0) {
  return *graph_of(model).tensors[static_cast<std::size_t>(op(model, of).outputs[0])];
}
::tflite::Conv2DOptionsT& conv(ModelT& model, std::size_t of = 0) {
  return *op(model, of).builtin_options.AsConv2DOptions();
}
void make_constant(ModelT& model, ::tflite::TensorT& tensor) {
  std::size_t size = tensor.type == ::tflite::TensorType_INT32 ? 4 : 1;
  for (const std::int32_t extent : tensor.shape) {
    size *= static_cast<std::size_t>(extent);
  }
  tensor.buffer = static_cast<std::uint32_t>(model.buffers.size());
  model.buffers.push_back(std::make_unique<::tflite::BufferT>());
  model.buffers.back()->data.assign(size, 1);
}
/// The model's only operator becomes this one, of its first input and so many parameters.
void become(ModelT& model, ::tflite::BuiltinOperator code, std::size_t parameters, bool constant) {
  auto& codes = *model.operator_codes.front();
  codes.builtin_code = code;
  codes.deprecated_builtin_code = static_cast<std::int8_t>(std::min<int>(code, 127));
  op(model).builtin_options.Reset();
  op(model).inputs.resize(1);
  for (std::size_t i = 0; i < parameters; ++i) {
    const std::int32_t index = test::add_uint8(model, {4}, constant);
    graph_of(model).tensors.back()->type = ::tflite::TensorType_UINT8;
    op(model).inputs.push_back(index);
    if (!constant) {
      graph_of(model).inputs.push_back(index);
    }
  }
}
/// A number that all weights and the output of a convolution follow.
ConvSpec channels(std::int32_t in, std::int32_t out = 16) {
  return {.channels = in, .out_channels = out};
}
ConvSpec depthwise_of(std::int32_t count, std::int32_t kernel = 3) {
  return {.channels = count, .out_channels = count, .kernel = kernel, .depthwise = true};
}

/// The ids that apply to any operator of a model.
std::set<std::string_view> ids_of(const ModelT& model, MesaVersion mesa) {
  const auto graph = graph::read_graph(test::pack(model));
  EXPECT_TRUE(graph) << graph.error().message;
  std::set<std::string_view> ids;
  if (graph) {
    for (const Placement& placement : classify(*graph, mesa).operators) {
      for (const Finding& finding : placement.findings) {
        ids.insert(finding.rule->id);
      }
    }
  }
  return ids;
}

struct Case {
  const char* rule;
  std::function<std::unique_ptr<ModelT>()> make;
  std::function<void(ModelT&)> change = [](ModelT&) {};
  /// Also expected, beside the rule.
  std::set<std::string_view> beside = {};
};
std::unique_ptr<ModelT> plain_conv() { return test::conv_object({}); }
std::unique_ptr<ModelT> padded_conv() { return test::conv_object({.kernel = 3}); }
std::unique_ptr<ModelT> plain_depthwise() { return test::conv_object(depthwise_of(16)); }
std::unique_ptr<ModelT> residual() { return test::residual_object(); }
/// Two convolutions behind each other, one channel between them.
std::unique_ptr<ModelT> residual_of_one_channel() {
  auto model = test::residual_object();
  graph_of(*model).operators.resize(2);
  graph_of(*model).outputs = {op(*model, 1).outputs[0]};
  input(*model, 0, 1).shape[3] = 1;
  input(*model, 1, 0).shape[0] = 1;
  input(*model, 1, 1).shape[3] = 1;
  for (const std::size_t of : {0U, 1U}) {
    model->buffers[input(*model, 1, of).buffer]->data.resize(16);
  }
  return model;
}
constexpr std::size_t sum = 3;  // of the residual model

std::vector<Case> cases() {
  const auto sized = [](ConvSpec spec) { return [spec] { return test::conv_object(spec); }; };
  return {
      {"reshape-without-shape",
       plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_RESHAPE, 0, true); },
       {"other-operator"}},
      {"reshape-shape-computed",
       plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_RESHAPE, 1, false); },
       {"other-operator"}},
      {"parameter-computed",
       plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_TRANSPOSE, 1, false); },
       {"other-operator"}},
      {"conv-without-bias", plain_conv, [](auto& m) { op(m).inputs.resize(2); }},
      {"conv-without-bias-26.1", plain_conv, [](auto& m) { op(m).inputs.resize(2); }},
      {"conv-bias-absent", plain_conv, [](auto& m) { op(m).inputs[2] = -1; }},
      {"zero-point-missing", plain_conv,
       [](auto& m) { input(m, 0).quantization->zero_point.clear(); }},
      {"silu", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_HARD_SWISH, 0, true); }},
      {"activation-operator", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_LOGISTIC, 0, true); }},
      {"pooling", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_MAX_POOL_2D, 0, true); }},
      {"fully-connected", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_FULLY_CONNECTED, 1, true); }},
      {"padding-operator", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_PAD, 1, true); }},
      {"conversion", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_QUANTIZE, 0, true); }},
      {"custom-operator", plain_conv,
       [](auto& m) {
         become(m, ::tflite::BuiltinOperator_CUSTOM, 0, true);
         m.operator_codes.front()->custom_code = "Mine";
       }},
      {"other-operator", plain_conv,
       [](auto& m) { become(m, ::tflite::BuiltinOperator_SOFTMAX, 0, true); }},
      {"per-axis", plain_conv,
       [](auto& m) {
         input(m, 1).quantization->scale.assign(16, 0.1F);
         input(m, 1).quantization->scale[5] = 0.2F;
         input(m, 1).quantization->zero_point.assign(16, 0);
       }},
      {"per-axis-zero-points", plain_conv,
       [](auto& m) {
         input(m, 1).quantization->scale.assign(16, 0.1F);
         input(m, 1).quantization->zero_point.assign(16, 0);
         input(m, 1).quantization->zero_point[5] = 1;
       }},
      {"dilation", padded_conv,
       [](auto& m) {
         m.operator_codes.front()->version = 2;
         conv(m).dilation_h_factor = 2;
       }},
      {"dilation-version-1", padded_conv, [](auto& m) { conv(m).dilation_w_factor = 2; }},
      {"relu6-range", plain_conv,
       [](auto& m) { conv(m).fused_activation_function = ::tflite::ActivationFunctionType_RELU6; }},
      {"add-constant", residual,
       [](auto& m) { op(m, sum).inputs[1] = test::add_uint8(m, {1, 8, 8, 16}, true); }},
      {"conv-parameters-computed", plain_conv,
       [](auto& m) {
         graph_of(m).inputs.push_back(op(m).inputs[1]);
         input(m, 1).buffer = 0;
       }},
      {"weights-and-input-too-large",
       sized({.side = 30, .channels = 256, .out_channels = 256, .kernel = 3})},
      {"map-too-wide", sized({.side = 256, .channels = 512, .out_channels = 1, .kernel = 3})},
      {"float", plain_conv,
       [](auto& m) {
         input(m, 0).type = ::tflite::TensorType_FLOAT32;
         input(m, 0).quantization.reset();
       }},
      {"int8", plain_conv, [](auto& m) { input(m, 0).type = ::tflite::TensorType_INT8; }},
      {"other-dtype", plain_conv, [](auto& m) { input(m, 0).type = ::tflite::TensorType_INT16; }},
      {"rank", plain_conv, [](auto& m) { input(m, 0).shape = {8, 8, 16}; }},
      {"batch", plain_conv, [](auto& m) { input(m, 0).shape[0] = 2; }},
      {"stride-uneven", padded_conv, [](auto& m) { conv(m).stride_h = 2; }},
      {"kernel-uneven", padded_conv, [](auto& m) { input(m, 1).shape = {16, 1, 9, 16}; }},
      {"map-uneven", padded_conv, [](auto& m) { input(m, 0).shape[1] = 4; }},
      {"activation-lost", plain_conv,
       [](auto& m) {
         conv(m).fused_activation_function = ::tflite::ActivationFunctionType_RELU;
         output(m).quantization->zero_point = {7};
       }},
      {"depthwise-multiplier",
       sized({.channels = 16, .out_channels = 32, .kernel = 3, .depthwise = true})},
      {"depthwise-one-channel",
       sized({.channels = 1, .out_channels = 16, .kernel = 3, .depthwise = true})},
      {"one-to-one-channel", sized(channels(1, 1))},
      {"grouped", plain_conv, [](auto& m) { input(m, 0).shape[3] = 32; }},
      {"depthwise-channels-33-47", sized(depthwise_of(104)), [](auto&) {}, {"?"}},
      {"depthwise-channels-81-95", sized(depthwise_of(88))},
      {"conv-channels-17-31", sized(channels(20))},
      {"single-channel-inside", residual_of_one_channel},
      {"conv-odd-outputs", sized({.channels = 48, .out_channels = 33, .kernel = 3})},
      {"depthwise-channels-17-63", sized(depthwise_of(24))},
      {"depthwise-border", plain_depthwise,
       [](auto& m) { input(m, 0).quantization->zero_point = {7}; }},
      {"register-too-narrow", sized({.kernel = 33})},
      {"constant-input", plain_conv,
       [](auto& m) {
         graph_of(m).inputs.clear();
         make_constant(m, input(m, 0));
       }},
      {"scale-overflow", plain_conv,
       [](auto& m) {
         input(m, 0).quantization->scale = {0.9999999F};
         input(m, 1).quantization->scale = {1};
         output(m).quantization->scale = {1};
       }},
      {"add-no-host", residual,
       [](auto& m) {
         op(m, sum).inputs[0] = test::add_uint8(m, {1, 8, 8, 16});
         graph_of(m).inputs.push_back(op(m, sum).inputs[0]);
       }},
      {"add-second-operand", residual,
       [](auto& m) {
         op(m, sum).inputs[1] = test::add_uint8(m, {1, 8, 8, 16});
         graph_of(m).inputs.push_back(op(m, sum).inputs[1]);
       }},
      {"add-scale", residual},
      {"add-scale-captured", residual,
       [](auto& m) { input(m, 1, sum).quantization->scale = {0.213016F}; }},
      {"add-shapes", residual, [](auto& m) { input(m, 1, sum).shape = {1, 1, 1, 16}; }, {"?"}},
      {"add-order",
       residual,
       [](auto& m) { std::swap(op(m, sum).inputs[0], op(m, sum).inputs[1]); },
       {"?"}},
      {"add-chained", residual,
       [](auto& m) {
         const std::int32_t total = test::add_uint8(m, {1, 8, 8, 16});
         test::add_operator(m, ::tflite::BuiltinOperator_ADD,
                            {op(m, sum).outputs[0], op(m).outputs[0]}, {total})
             .builtin_options.Set(::tflite::AddOptionsT());
         graph_of(m).outputs = {total};
       }},
      {"add-host-shared", residual,
       [](auto& m) { graph_of(m).outputs.push_back(op(m, sum).inputs[0]); }},
      {"add-host-depthwise", residual,
       [](auto& m) {
         m.operator_codes[2]->builtin_code = ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D;
         m.operator_codes[2]->deprecated_builtin_code = ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D;
         ::tflite::DepthwiseConv2DOptionsT options;
         options.stride_h = options.stride_w = options.depth_multiplier = 1;
         op(m, 2).builtin_options.Set(std::move(options));
       }},
      {"add-host-activation", residual,
       [](auto& m) {
         conv(m, 2).fused_activation_function = ::tflite::ActivationFunctionType_RELU;
         output(m, 2).quantization->zero_point = {0};
       }},
      {"add-host-range", residual,
       [](auto& m) { input(m, 0, sum).quantization->zero_point = {0}; }},
      {"add-addend-is-host-input", residual,
       [](auto& m) { op(m, sum).inputs[1] = op(m, 1).outputs[0]; }},
      {"add-padded", residual,
       [](auto& m) {
         input(m, 1, 2).shape = {16, 3, 3, 16};
         make_constant(m, input(m, 1, 2));
         input(m, 0, 2).quantization->zero_point = {7};
       }},
      {"add-relu6-range", residual,
       [](auto& m) {
         op(m, sum).builtin_options.AsAddOptions()->fused_activation_function =
             ::tflite::ActivationFunctionType_RELU6;
       }},
      {"add-single-channel",
       residual,
       [](auto& m) {
         output(m, 1).shape[3] = 1;
         input(m, 1, 2).shape = {16, 1, 1, 1};
         make_constant(m, input(m, 1, 2));
       },
       {"?"}},
      {"add-small-map", residual,
       [](auto& m) {
         for (const auto& tensor : graph_of(m).tensors) {
           if (tensor->shape.size() == 4 && tensor->shape[1] == 8) {
             tensor->shape[1] = tensor->shape[2] = 3;
           }
         }
       }},
      {"add-scale-overflow", residual,
       [](auto& m) {
         input(m, 0, 2).quantization->scale = {0.9999999F};
         input(m, 1, 2).quantization->scale = {1};
         output(m, sum).quantization->scale = {1};
       }},
  };
}

TEST(Rules, a_map_with_one_channel_must_be_square_whatever_the_kernel) {
  for (const std::int32_t count : {1, 2}) {
    const auto model = test::conv_object(channels(count));
    input(*model, 0).shape[1] = output(*model).shape[1] = 4;
    EXPECT_EQ(ids_of(*model, mesa_26_2).contains("map-uneven"), count == 1) << count;
  }
}

const Rule& rule_of(std::string_view id) {
  const auto rule = std::ranges::find(rules(), id, &Rule::id);
  EXPECT_NE(rule, rules().end()) << id;
  return *rule;
}

class OneRule : public testing::TestWithParam<Case> {};
TEST_P(OneRule, is_found_in_its_versions_and_in_no_others) {
  const Rule& rule = rule_of(GetParam().rule);
  const auto model = GetParam().make();
  GetParam().change(*model);
  for (const MesaVersion mesa : {mesa_25_3, mesa_26_1, mesa_26_2}) {
    const auto ids = ids_of(*model, mesa);
    EXPECT_EQ(ids.contains(rule.id), rule.is_for(mesa))
        << mesa.text() << ": " << testing::PrintToString(ids);
    if (rule.is_for(mesa_26_2) && mesa == mesa_26_2 && !GetParam().beside.contains("?")) {
      std::set<std::string_view> expected = GetParam().beside;
      expected.insert(rule.id);
      EXPECT_EQ(ids, expected);
    }
  }
}
TEST_P(OneRule, is_not_found_in_what_it_was_made_of) {
  const Rule& rule = rule_of(GetParam().rule);
  for (const auto& model : {test::conv_object({}), test::conv_object({.kernel = 3}),
                            test::conv_object(depthwise_of(16)), test::residual_object()}) {
    EXPECT_EQ(ids_of(*model, mesa_26_2), std::set<std::string_view>{}) << rule.id;
  }
}
INSTANTIATE_TEST_SUITE_P(Table, OneRule, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = test.param.rule;
  std::ranges::replace_if(name, [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

TEST(Rules, have_a_model_each) {
  std::set<std::string_view> tested;
  const auto all = cases();
  for (const Case& one : all) {
    tested.insert(one.rule);
  }
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(tested.contains(rule.id)) << rule.id;
  }
}

}  // namespace
}  // namespace gantry::npu
