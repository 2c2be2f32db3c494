#include "gantry/xnnpack/rules.h"

#include <gtest/gtest.h>

#include <functional>

#include "one_operator.h"

namespace gantry::xnnpack {
namespace {

/// What keeps the model's last operator with TensorFlow Lite; "" if nothing does.
std::string verdict(Maker& maker) {
  const auto bytes = test::pack(maker.model());
  const auto graph = graph::read_graph(bytes);
  if (!graph) {
    return graph.error().message;
  }
  const Choice choice = choose(*graph);
  const Decision& last = choice.operators.back();
  return last.rule == nullptr ? "" : std::string(last.rule->id);
}

::tflite::TensorT& tensor(Maker& maker, std::int32_t index) {
  return *maker.model().subgraphs.front()->tensors[static_cast<std::size_t>(index)];
}

/// [1,8,8,4] → 3×3 convolution → [1,8,8,6]. Tensors: 0 input, 1 weights, 2 bias, 3 output.
void conv(Maker& m) {
  const auto in = m.input({1, 8, 8, 4});
  const auto weights = m.weights({6, 3, 3, 4}, 0);
  const auto bias = m.bias(6, m.usual().scale);
  const auto out = m.result({1, 8, 8, 6}, m.step_of_sum(36));
  ::tflite::Conv2DOptionsT options;
  options.padding = ::tflite::Padding_SAME;
  options.stride_h = options.stride_w = 1;
  m.op(::tflite::BuiltinOperator_CONV_2D, {in, weights, bias}, {out}, options);
}

void sum(Maker& m) {
  const auto a = m.input({1, 4, 4, 4});
  const auto b = m.input({1, 4, 4, 4});
  m.op(::tflite::BuiltinOperator_ADD, {a, b}, {m.result({1, 4, 4, 4})}, ::tflite::AddOptionsT());
}

struct Broken {
  const char* name;
  Type type;
  std::function<void(Maker&)> make;
  const char* rule;
};

// What would end the process in the library, or make it write elsewhere, first of all.
const Broken broken[] = {
    {"a convolution as it should be", Type::uint8, conv, ""},
    {"a sum as it should be", Type::int8, sum, ""},
    {"an output scale too small", Type::uint8,
     [](Maker& m) {
       conv(m);
       tensor(m, 3).quantization->scale = {1e-9F};
     },
     "scales"},
    {"one channel's scale too large", Type::int8_channels,
     [](Maker& m) {
       conv(m);
       tensor(m, 1).quantization->scale[5] = 1e9F;
     },
     "scales"},
    {"operands too far apart", Type::int8,
     [](Maker& m) {
       sum(m);
       tensor(m, 1).quantization->scale = {1e-6F};
     },
     "scales"},
    {"an activation that leaves one value", Type::int8,
     [](Maker& m) {
       sum(m);
       tensor(m, 2).quantization->zero_point = {127};
       m.model()
           .subgraphs.front()
           ->operators.front()
           ->builtin_options.AsAddOptions()
           ->fused_activation_function = ::tflite::ActivationFunctionType_RELU;
     },
     "range"},
    {"an output larger than the result", Type::uint8,
     [](Maker& m) {
       conv(m);
       tensor(m, 3).shape = {1, 9, 8, 6};
     },
     "result"},
    {"an output smaller than the result", Type::float32,
     [](Maker& m) {
       conv(m);
       tensor(m, 3).shape = {1, 7, 8, 6};
     },
     "result"},
    {"weights of another number of channels", Type::uint8,
     [](Maker& m) {
       conv(m);
       tensor(m, 0).shape = {1, 8, 8, 5};
     },
     "result"},
    {"a bias of another length", Type::uint8,
     [](Maker& m) {
       conv(m);
       tensor(m, 2).shape = {3};
       m.model().buffers[tensor(m, 2).buffer]->data.resize(12);
     },
     "weights"},
    {"int8 weights with a zero point", Type::int8,
     [](Maker& m) {
       conv(m);
       tensor(m, 1).quantization->zero_point = {3};
     },
     "weights"},
    {"a tensor written twice", Type::float32,
     [](Maker& m) {
       sum(m);
       m.op(::tflite::BuiltinOperator_ADD, {0, 1}, {2}, ::tflite::AddOptionsT());
     },
     "written-twice"},
    {"a lone reshape", Type::uint8,
     [](Maker& m) {
       const auto in = m.input({1, 4, 4});
       m.op(::tflite::BuiltinOperator_RESHAPE, {in, m.integers({16})}, {m.result({16})},
            ::tflite::ReshapeOptionsT());
     },
     "alone"},
    {"a pool of single pixels", Type::float32,
     [](Maker& m) {
       const auto in = m.input({1, 4, 4, 2});
       ::tflite::Pool2DOptionsT options;
       options.filter_height = options.filter_width = options.stride_h = options.stride_w = 1;
       m.op(::tflite::BuiltinOperator_MAX_POOL_2D, {in}, {m.result({1, 4, 4, 2})}, options);
     },
     "pool-window"},
    {"a quantised average over a part", Type::uint8,
     [](Maker& m) {
       const auto in = m.input({1, 4, 4, 2});
       ::tflite::Pool2DOptionsT options;
       options.filter_height = options.filter_width = options.stride_h = options.stride_w = 2;
       m.op(::tflite::BuiltinOperator_AVERAGE_POOL_2D, {in}, {m.result({1, 2, 2, 2})}, options);
     },
     "pool-partial"},
    {"a reduction over an axis that is not there", Type::float32,
     [](Maker& m) {
       const auto in = m.input({1, 4, 4, 2});
       m.op(::tflite::BuiltinOperator_MEAN, {in, m.integers({4})}, {m.result({1, 4, 2})},
            ::tflite::ReducerOptionsT());
     },
     "result"},
    {"quantised softmax", Type::uint8,
     [](Maker& m) {
       const auto in = m.input({1, 9});
       ::tflite::SoftmaxOptionsT options;
       options.beta = 1;
       m.op(::tflite::BuiltinOperator_SOFTMAX, {in}, {m.result({1, 9})}, options);
     },
     "type"},
    {"an operator that is not there", Type::float32,
     [](Maker& m) {
       const auto in = m.input({1, 9});
       m.op(::tflite::BuiltinOperator_COS, {in}, {m.result({1, 9})});
     },
     "operator"},
};

TEST(XnnpackRules, keep_what_the_library_would_trip_over) {
  for (const Broken& one : broken) {
    Maker maker(one.type);
    one.make(maker);
    EXPECT_EQ(verdict(maker), one.rule) << one.name;
  }
}

struct BrokenGraph {
  const char* name;
  void (*spoil)(graph::Graph&);
  const char* rule;
};

// What no file says that got so far, but what a graph from elsewhere could.
const BrokenGraph broken_graphs[] = {
    {"weights cut short", [](graph::Graph& g) { g.tensors[1].data = g.tensors[1].data.first(100); },
     "constant"},
    {"weights that are not aligned",
     [](graph::Graph& g) {
       auto& bias = g.tensors[2];
       bias.data = {bias.data.data() + 1, bias.data.size()};
     },
     "constant"},
    {"computed weights",
     [](graph::Graph& g) {
       g.tensors[1].constant = false;
       g.tensors[1].data = {};
     },
     "parameter-computed"},
    {"no scale", [](graph::Graph& g) { g.tensors[3].scales.clear(); }, "quantization"},
    {"a scale of nothing", [](graph::Graph& g) { g.tensors[0].scales = {0.0F}; }, "quantization"},
    {"an unknown extent", [](graph::Graph& g) { g.tensors[0].shape[1] = -1; }, "shape"},
    {"no input", [](graph::Graph& g) { g.operators[0].inputs = {-1, 1, 2}; }, "malformed"},
};

TEST(XnnpackRules, keep_what_no_file_would_say) {
  for (const BrokenGraph& one : broken_graphs) {
    Maker maker(Type::uint8);
    conv(maker);
    const auto bytes = test::pack(maker.model());
    auto graph = graph::read_graph(bytes);
    ASSERT_TRUE(graph);
    one.spoil(*graph);
    const Choice choice = choose(*graph);
    ASSERT_NE(choice.operators[0].rule, nullptr) << one.name;
    EXPECT_EQ(choice.operators[0].rule->id, one.rule) << one.name;
  }
}

TEST(XnnpackRules, take_nothing_that_is_not_offered) {
  Maker maker(Type::float32);
  sum(maker);
  const auto bytes = test::pack(maker.model());
  const auto graph = graph::read_graph(bytes);
  ASSERT_TRUE(graph);
  EXPECT_EQ(choose(*graph).taken_count(), 1U);
  EXPECT_EQ(choose(*graph, {false}).taken_count(), 0U);
}

}  // namespace
}  // namespace gantry::xnnpack
