#include "gantry/proof/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "gantry/graph/graph.h"
#include "gantry/proof/test_input.h"
#include "gantry/test/model_object.h"

namespace gantry::proof {
namespace {

template <class T>
std::vector<std::byte> bytes(std::initializer_list<T> values) {
  std::vector<std::byte> out(values.size() * sizeof(T));
  std::memcpy(out.data(), std::data(values), out.size());
  return out;
}

struct Case {
  const char* name;
  DType dtype;
  std::vector<std::byte> wanted, got;
  std::int64_t largest;
  std::size_t beyond;
};
class CompareTest : public testing::TestWithParam<Case> {};
TEST_P(CompareTest, CountsWhatIsBeyondTwoSteps) {
  const auto found = compare(GetParam().dtype, GetParam().wanted, GetParam().got, 2);
  EXPECT_EQ(found.largest, GetParam().largest);
  EXPECT_EQ(found.beyond, GetParam().beyond);
}
INSTANTIATE_TEST_SUITE_P(
    Dtypes, CompareTest,
    testing::Values(
        Case{"equal", DType::uint8, bytes<std::uint8_t>({1, 2}), bytes<std::uint8_t>({1, 2}), 0, 0},
        Case{"within", DType::uint8, bytes<std::uint8_t>({1, 2}), bytes<std::uint8_t>({3, 2}), 2,
             0},
        Case{"uint8_does_not_wrap", DType::uint8, bytes<std::uint8_t>({0, 255}),
             bytes<std::uint8_t>({255, 252}), 255, 2},
        Case{"int8_has_a_sign", DType::int8, bytes<std::int8_t>({-1, -128}),
             bytes<std::int8_t>({1, 127}), 255, 1},
        Case{"int16", DType::int16, bytes<std::int16_t>({1000}), bytes<std::int16_t>({1003}), 3, 1},
        Case{"nan_is_beyond", DType::float32, bytes<float>({1, 2}), bytes<float>({NAN, 2}), 0, 1},
        Case{"float_within_two_255ths_of_the_largest", DType::float32, bytes<float>({1, 255}),
             bytes<float>({2.9F, 253.1F}), 0, 0},
        Case{"float_apart", DType::float32, bytes<float>({1, 255}), bytes<float>({3.1F, 255}), 0,
             1},
        Case{"infinity_is_beyond", DType::float32, bytes<float>({1, 255}),
             bytes<float>({INFINITY, 255}), 0, 1},
        Case{"nan_was_wanted", DType::float32, bytes<float>({NAN}), bytes<float>({NAN}), 0, 0},
        Case{"sizes_differ", DType::uint8, bytes<std::uint8_t>({1, 2}), bytes<std::uint8_t>({1}), 0,
             2},
        Case{"indices_say_nothing", DType::int64, bytes<std::int64_t>({5}),
             bytes<std::int64_t>({9}), 0, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Difference, FloatsThatTheCpuMadeOfWhatIsProvenOnlyHaveToBeNumbers) {
  const auto wanted = bytes<float>({1, 255, 3});
  const auto got = bytes<float>({200, 0, NAN});
  EXPECT_EQ(compare(DType::float32, wanted, got, downstream_allowed).beyond, 1U);
}

TEST(Difference, FewFarOffAreRoundingAndAWrongChannelIsNot) {
  constexpr std::size_t channels = 64;
  const std::vector<std::byte> wanted(channels * 16);
  auto got = wanted;
  for (std::size_t i = 0; i < got.size(); i += 67) {
    got[i] = std::byte{30};
  }
  EXPECT_TRUE(compare(DType::uint8, wanted, got, 8, channels).is_rounding());
  got = wanted;
  for (std::size_t i = 5; i < got.size(); i += channels) {
    got[i] = std::byte{30};
  }
  EXPECT_FALSE(compare(DType::uint8, wanted, got, 8, channels).is_rounding());
  got = wanted;
  for (std::size_t i = 0; i < got.size(); i += 7) {
    got[i] = std::byte{30};
  }
  EXPECT_FALSE(compare(DType::uint8, wanted, got, 8, channels).is_rounding());
}

/// Three convolutions behind each other, of 16 channels and scale 0.05 everywhere, then the
/// addition of the third's and the first's result. All weights are `weight` steps above their zero
/// point: an error grows by 0.05 · √16 · weight per convolution.
std::vector<std::byte> residual_of_weight(std::uint8_t weight) {
  const auto object = test::residual_object();
  const auto& graph = *object->subgraphs.front();
  for (const auto& op : graph.operators) {
    if (op->inputs.size() == 3) {
      const auto& weights = *graph.tensors[static_cast<std::size_t>(op->inputs[1])];
      std::ranges::fill(object->buffers[weights.buffer]->data,
                        static_cast<std::uint8_t>(128 + weight));
    }
  }
  return test::pack(*object);
}

struct Allowed {
  const char* name;
  std::uint8_t weight;
  std::vector<bool> on_npu;
  std::vector<std::int64_t> of_operators;
};
class AllowedSteps : public testing::TestWithParam<Allowed> {};
TEST_P(AllowedSteps, FollowFromTheWeightsAndTheLayersOfTheNpu) {
  const auto bytes = residual_of_weight(GetParam().weight);
  const auto graph = graph::read_graph(bytes);
  ASSERT_TRUE(graph);
  const auto allowed = allowed_steps(*graph, GetParam().on_npu);
  for (std::size_t i = 0; i < graph->operators.size(); ++i) {
    EXPECT_EQ(allowed[static_cast<std::size_t>(graph->operators[i].outputs[0])],
              GetParam().of_operators[i])
        << i;
  }
  EXPECT_EQ(allowed[static_cast<std::size_t>(graph->inputs[0])], 0);
}
constexpr std::int64_t wide = downstream_allowed;
INSTANTIATE_TEST_SUITE_P(
    Residual, AllowedSteps,
    testing::Values(
        // Variances: 1/16, then 4 times the one before + 1/16; the addition: those of both + 1/16.
        Allowed{"gain_2", 10, {true, true, true, true}, {2, 2, 4, 4}},
        Allowed{"gain_8", 40, {true, true, true, true}, {2, 7, most_allowed, most_allowed}},
        Allowed{"no_gain", 1, {true, true, true, true}, {2, 2, 2, 2}},
        Allowed{"the_cpu_between", 10, {false, true, false, false}, {0, 2, wide, wide}},
        Allowed{"the_cpu_at_last", 40, {true, true, false, false}, {2, 7, wide, wide}},
        Allowed{"none", 10, {false, false, false, false}, {0, 0, 0, 0}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TestInput, IsTheSameEachTimeAndUsesItsRange) {
  const TensorSpec spec{
      .name = "", .dtype = DType::uint8, .shape = {1, 96, 96, 3}, .quantization = {}};
  std::vector<std::byte> first(std::size_t{96} * 96 * 3);
  std::vector<std::byte> second(first.size());
  fill_test_input(spec, 1, first);
  fill_test_input(spec, 1, second);
  EXPECT_EQ(first, second);
  fill_test_input(spec, 2, second);
  EXPECT_NE(first, second);
  const auto [least, most] = std::ranges::minmax(first);
  EXPECT_LE(std::to_integer<int>(least), 8);
  EXPECT_GE(std::to_integer<int>(most), 247);
  // Neighbours are alike, as in a picture: pure noise would be some 85 apart.
  std::int64_t apart = 0;
  for (std::size_t i = 3; i < first.size(); ++i) {
    apart += std::abs(std::to_integer<int>(first[i]) - std::to_integer<int>(first[i - 3]));
  }
  EXPECT_LT(apart / static_cast<std::int64_t>(first.size()), 40);
}

TEST(TestInput, FillsWhatIsNoPictureToo) {
  std::vector<std::byte> out(8, std::byte{9});
  fill_test_input({.name = "", .dtype = DType::int32, .shape = {2}, .quantization = {}}, 1, out);
  EXPECT_EQ(out, std::vector<std::byte>(8));
  std::vector<std::byte> floats(400);
  fill_test_input({.name = "", .dtype = DType::float32, .shape = {100}, .quantization = {}}, 1,
                  floats);
  for (std::size_t i = 0; i < 100; ++i) {
    float value = 9;
    std::memcpy(&value, &floats[i * 4], 4);
    EXPECT_GE(value, -1);
    EXPECT_LE(value, 1);
  }
}

}  // namespace
}  // namespace gantry::proof
