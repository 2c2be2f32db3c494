#include "gantry/emulator_compute/execute.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "dot_product.h"
#include "gantry/emulator_testing/layer.h"

namespace gantry::emulator {
namespace {

using testing::Addresses;
using testing::Layer;
using testing::Levels;

/// A megabyte from address 0 on, with room for each operand.
class TestMemory : public Memory {
 public:
  [[nodiscard]] std::byte* at(std::uint64_t address, std::uint64_t bytes) const override {
    return bytes <= bytes_.size() && address <= bytes_.size() - bytes ? &bytes_[address] : nullptr;
  }
  template <class T>
  std::uint32_t put(const std::vector<T>& values) {
    const auto address = static_cast<std::uint32_t>(end_);
    std::memcpy(&bytes_[end_], values.data(), values.size() * sizeof(T));
    end_ += (values.size() * sizeof(T) + 63) / 64 * 64;
    return address;
  }

 private:
  mutable std::vector<std::byte> bytes_ = std::vector<std::byte>(4U << 20U);
  std::size_t end_ = 0;
};

std::vector<std::uint8_t> random_bytes(std::size_t count, std::mt19937& random) {
  std::vector<std::uint8_t> bytes(count);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random() & 0xFFU); });
  return bytes;
}

/// A layer with random numbers and scales that use the range of the output.
Layer random_layer(Layer shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  shape.in = {.scale = 0.02F + 0.01F * static_cast<float>(random() % 10),
              .zero_point = static_cast<std::uint8_t>(random() % 256)};
  shape.weight = {.scale = 0.0123F, .zero_point = static_cast<std::uint8_t>(90 + random() % 80)};
  const std::uint32_t lanes = shape.depthwise ? 1 : shape.in_channels;
  const std::uint32_t products = shape.kernel * shape.kernel * lanes;
  shape.out = {.scale = shape.in.scale * shape.weight.scale * 80 *
                        static_cast<float>(std::sqrt(static_cast<double>(products))) *
                        (shape.depthwise ? 2.0F : 1.0F),
               .zero_point = static_cast<std::uint8_t>(random() % 256)};
  shape.weights = random_bytes(std::size_t{products} * shape.out_channels, random);
  shape.bias.resize(shape.out_channels);
  std::ranges::generate(shape.bias,
                        [&] { return static_cast<std::int32_t>(random() % 4001) - 2000; });
  return shape;
}

struct Outcome {
  std::vector<std::uint8_t> input;
  std::vector<std::uint8_t> addend;
  std::vector<std::uint8_t> output;
};

/// Runs a layer on random pixels, as `slices` tasks.
Outcome run(const Layer& layer, std::uint32_t seed, std::uint32_t slices = 1,
            ComputeOptions options = {}) {
  std::mt19937 random(seed);
  const std::uint32_t out_size = layer.out_size();
  Outcome outcome;
  outcome.input = random_bytes(std::size_t{layer.size} * layer.size * layer.in_channels, random);
  TestMemory memory;
  Addresses at;
  at.input = memory.put(
      layer.in_channels == 1
          ? testing::pack_single_channel(outcome.input, layer.size, layer.in.zero_point)
          : testing::pack_map(outcome.input, layer.size, layer.in_channels, layer.in.zero_point));
  at.weights = memory.put(testing::pack_weights(layer));
  at.biases = memory.put(testing::pack_biases(layer));
  const std::size_t out_pixels = std::size_t{out_size} * out_size;
  if (layer.addend) {
    outcome.addend = random_bytes(out_pixels * layer.out_channels, random);
    at.addend = memory.put(testing::pack_map(outcome.addend, out_size, layer.out_channels,
                                             layer.addend->levels.zero_point));
  }
  const std::vector<std::int8_t> nothing(out_pixels * ((layer.out_channels + 15) / 16 * 16), 99);
  at.output = memory.put(nothing);
  for (std::uint32_t i = 0; i < slices; ++i) {
    const std::uint32_t first = out_size * i / slices;
    const std::uint32_t count = out_size * (i + 1) / slices - first;
    const auto task =
        parse_task(make_stream(layer, at, testing::Slice{.first = first, .count = count}));
    EXPECT_TRUE(task) << task.error().message;
    const auto done = execute(*task, memory, options);
    EXPECT_TRUE(done) << done.error().message;
  }
  const auto* surfaces = reinterpret_cast<const std::int8_t*>(memory.at(at.output, nothing.size()));
  outcome.output = testing::unpack_map({surfaces, nothing.size()}, out_size, layer.out_channels);
  return outcome;
}

int largest_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  int largest = a.size() == b.size() ? 0 : 256;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

// rocket-npu.md E.10, from constant pixels and weights to the bytes that the library gave back.
TEST(Execute, WorkedExample) {
  const Layer layer = testing::worked_example();
  EXPECT_EQ(testing::pack_biases(layer).front(), 3556);
  TestMemory memory;
  Addresses at;
  const std::vector<std::uint8_t> pixels(std::size_t{8} * 8 * 16, 125);
  at.input = memory.put(testing::pack_map(pixels, 8, 16, 120));
  at.weights = memory.put(testing::pack_weights(layer));
  at.biases = memory.put(testing::pack_biases(layer));
  at.output = memory.put(std::vector<std::int8_t>(std::size_t{8} * 8 * 32));
  const auto task = parse_task(make_stream(layer, at));
  ASSERT_TRUE(task);
  ASSERT_TRUE(execute(*task, memory, {}));
  const std::byte* corner = memory.at(at.output, 1);
  EXPECT_EQ(*corner, std::byte{0xF2});
  EXPECT_EQ(corner[(8 + 1) * 16], std::byte{0xF6});  // second pixel of the second line
}

struct Shape {
  const char* name;
  Layer layer;
  std::uint32_t slices = 1;
};
void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class EveryShape : public ::testing::TestWithParam<Shape> {};

TEST_P(EveryShape, IsWithinOneStepOfTensorFlowLite) {
  const Layer layer = random_layer(GetParam().layer, 1);
  const Outcome outcome = run(layer, 2, GetParam().slices);
  EXPECT_LE(largest_difference(outcome.output,
                               testing::expected_output(layer, outcome.input, outcome.addend)),
            1);
}

TEST_P(EveryShape, FastEqualsPlain) {
  const Layer layer = random_layer(GetParam().layer, 3);
  EXPECT_EQ(run(layer, 4, GetParam().slices).output,
            run(layer, 4, GetParam().slices, {.reference = true}).output);
}

Layer with_addend(Layer layer) {
  layer.addend = {.levels = {.scale = 0.3F, .zero_point = 77},
                  .sum = {.scale = 0.5F, .zero_point = 140}};
  return layer;
}

INSTANTIATE_TEST_SUITE_P(
    Each, EveryShape,
    ::testing::Values(
        Shape{"pointwise", {.size = 7, .in_channels = 64, .out_channels = 96}},
        Shape{"three_channels_stride_2",
              {.size = 32, .in_channels = 3, .out_channels = 32, .kernel = 3, .stride = 2}},
        Shape{"three_by_three", {.size = 9, .in_channels = 48, .out_channels = 40, .kernel = 3}},
        Shape{
            "five_by_five_valid",
            {.size = 13, .in_channels = 16, .out_channels = 8, .kernel = 5, .same_padding = false}},
        Shape{"odd_outputs", {.size = 5, .in_channels = 32, .out_channels = 17, .kernel = 3}},
        Shape{"twenty_channels", {.size = 6, .in_channels = 20, .out_channels = 33, .kernel = 3}},
        Shape{"one_pixel", {.size = 1, .in_channels = 1024, .out_channels = 1001}},
        Shape{"single_channel", {.size = 20, .in_channels = 1, .out_channels = 16, .kernel = 3}},
        Shape{"single_channel_narrow",
              {.size = 9, .in_channels = 1, .out_channels = 16, .kernel = 3, .stride = 2}},
        Shape{"depthwise",
              {.size = 14, .in_channels = 96, .out_channels = 96, .kernel = 3, .depthwise = true}},
        Shape{"depthwise_stride_2",
              {.size = 15,
               .in_channels = 144,
               .out_channels = 144,
               .kernel = 3,
               .stride = 2,
               .depthwise = true}},
        Shape{"depthwise_24_channels",
              {.size = 8, .in_channels = 24, .out_channels = 24, .kernel = 5, .depthwise = true}},
        Shape{"sliced",
              {.size = 30, .in_channels = 16, .out_channels = 32, .kernel = 3, .stride = 2},
              3},
        Shape{"depthwise_sliced",
              {.size = 30, .in_channels = 64, .out_channels = 64, .kernel = 3, .depthwise = true},
              4},
        Shape{"added", with_addend({.size = 7, .in_channels = 96, .out_channels = 24})},
        Shape{"added_in_slices", with_addend({.size = 28, .in_channels = 32, .out_channels = 48}),
              3},
        Shape{"added_to_few_pixels",
              with_addend({.size = 3, .in_channels = 16, .out_channels = 32})}),
    [](const auto& test) { return std::string(test.param.name); });

RC_GTEST_PROP(Execute, FastEqualsPlainOnAnyLayer, ()) {
  Layer shape;
  shape.depthwise = *rc::gen::arbitrary<bool>();
  shape.in_channels = *rc::gen::inRange(2U, 70U);
  shape.out_channels = shape.depthwise ? shape.in_channels : *rc::gen::inRange(1U, 40U);
  shape.kernel = *rc::gen::inRange(1U, 6U);
  shape.size = *rc::gen::inRange(shape.kernel, 14U);
  shape.stride = *rc::gen::inRange(1U, 4U);
  shape.same_padding = *rc::gen::arbitrary<bool>();
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Layer layer = random_layer(shape, seed);
  const Outcome fast = run(layer, seed);
  RC_ASSERT(fast.output == run(layer, seed, 1, {.reference = true}).output);
  RC_ASSERT(largest_difference(fast.output, testing::expected_output(layer, fast.input, {})) <= 1);
}

TEST(Execute, PaddingChannelsOfTheLastSurfaceBecomeZero) {
  TestMemory memory;
  const Layer layer = random_layer({.size = 2, .in_channels = 16, .out_channels = 3}, 1);
  Addresses at;
  at.input = memory.put(std::vector<std::int8_t>(std::size_t{2} * 2 * 16));
  at.weights = memory.put(testing::pack_weights(layer));
  at.biases = memory.put(testing::pack_biases(layer));
  at.output = memory.put(std::vector<std::int8_t>(std::size_t{2} * 2 * 16, 99));
  ASSERT_TRUE(execute(*parse_task(make_stream(layer, at)), memory, {}));
  for (std::uint32_t lane = 3; lane < 16; ++lane) {
    EXPECT_EQ(memory.at(at.output, 16)[lane], std::byte{0});
  }
}

TEST(Execute, WhatIsNotMappedIsAnError) {
  const TestMemory memory;
  const Layer layer = random_layer({.size = 4, .in_channels = 16, .out_channels = 16}, 1);
  const Addresses good{.input = 0, .weights = 0x1000, .biases = 0x2000, .output = 0x3000};
  ASSERT_TRUE(execute(*parse_task(make_stream(layer, good)), memory, {}));
  for (auto operand :
       {&Addresses::input, &Addresses::weights, &Addresses::biases, &Addresses::output}) {
    Addresses bad = good;
    bad.*operand = (4U << 20U) - 16;
    const auto done = execute(*parse_task(make_stream(layer, bad)), memory, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::out_of_range);
  }
}

// Silicon reads byte 1 of the pad register in 16 of 64 lanes (rocket-npu.md E.6): borders differ
// there and only there.
TEST(Execute, DepthwisePadLanesAreAQuirk) {
  Layer layer = random_layer(
      {.size = 4, .in_channels = 64, .out_channels = 64, .kernel = 3, .depthwise = true}, 7);
  layer.in.zero_point = 40;  // byte 0: -88, byte 1: -1
  const Outcome exact = run(layer, 8);
  const Outcome quirk = run(layer, 8, 1, {.depthwise_pad_lanes = true});
  bool border_differs = false;
  for (std::size_t i = 0; i < exact.output.size(); ++i) {
    const std::size_t c = i % 64;
    const std::size_t x = i / 64 % 4;
    const std::size_t y = i / 64 / 4;
    const bool border = x == 0 || x == 3 || y == 0 || y == 3;
    if (exact.output[i] != quirk.output[i]) {
      EXPECT_TRUE(border && c % 2 == 1 && c < 32) << "y " << y << " x " << x << " c " << c;
      border_differs = true;
    }
  }
  EXPECT_TRUE(border_differs);
}

TEST(DotProduct, BestEqualsPortable) {
  std::mt19937 random(5);
  std::vector<std::int16_t> inputs(1000);
  std::vector<std::int16_t> weights(96 * block_kernels);
  std::ranges::generate(inputs, [&] { return static_cast<std::int16_t>(random() % 256) - 128; });
  std::ranges::generate(weights, [&] { return static_cast<std::int16_t>(random() % 511) - 255; });
  for (std::size_t pixels = 1; pixels <= block_pixels; ++pixels) {
    BlockSums best{};
    BlockSums plain{};
    best_dot_product()(inputs.data(), 100, pixels, weights.data(), 96, best);
    dot_product_portable(inputs.data(), 100, pixels, weights.data(), 96, plain);
    EXPECT_EQ(best, plain);
  }
}

}  // namespace
}  // namespace gantry::emulator
