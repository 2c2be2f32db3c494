#include "gantry/emulator_stream/conv_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gantry/emulator_stream/registers.h"
#include "gantry/emulator_testing/layer.h"

namespace gantry::emulator {
namespace {

constexpr testing::Addresses at{
    .input = 0x5000, .weights = 0x1000, .biases = 0x4000, .output = 0x8000};

void set(std::vector<std::uint64_t>& words, std::uint16_t offset, std::uint32_t value) {
  for (auto& word : words) {
    auto decoded = Word::decode(word);
    if (decoded.offset == offset && decoded.selector != static_cast<std::uint16_t>(Block::run)) {
      decoded.value = value;
      word = decoded.encode();
    }
  }
}

// The words that rocket-npu.md E.10 names, seen in the real library's stream.
TEST(WorkedExample, HasTheWordsOfTheRealLibrary) {
  const auto words = make_stream(testing::worked_example(), at);
  ASSERT_EQ(words.size(), 130U);
  const auto regs = RegisterFile::load(words);
  ASSERT_TRUE(regs) << regs.error().message;
  const auto value = [&](std::uint16_t offset) {
    return (*regs)[static_cast<reg::Offset>(offset)];
  };
  EXPECT_EQ(value(0x1020), 0x00080008U);
  EXPECT_EQ(value(0x1024), 0x000F0010U);
  EXPECT_EQ(value(0x1030), 0x00001200U);
  EXPECT_EQ(value(0x1034), 0x00000090U);
  EXPECT_EQ(value(0x1038), 0x03030020U);
  EXPECT_EQ(value(0x107C), 0x20U);
  EXPECT_EQ(value(0x1080), 0x20U);
  EXPECT_EQ(value(0x1184), 0xFFFFFFF8U);
  EXPECT_EQ(value(0x4024), 0x400U);
  EXPECT_EQ(value(0x403C), 0x001F001FU);
  EXPECT_EQ(value(0x4040), 0x00020150U);
  EXPECT_EQ(value(0x4054), 0xFFFEU);
  EXPECT_EQ(value(0x4080), 0xFFFFFFEEU);
  EXPECT_EQ(value(0x4084), 0x6D3BU);
  EXPECT_EQ(value(0x4088), 0x17U);
  EXPECT_EQ(value(0x40C0), 0x800U);
}

TEST(WorkedExample, IsUnderstood) {
  const auto task = parse_task(make_stream(testing::worked_example(), at));
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(task->mode, ConvMode::normal);
  EXPECT_EQ(task->input.address, 0x5000U);
  EXPECT_EQ(task->input.width, 8U);
  EXPECT_EQ(task->input.line_bytes, 8U * 16);
  EXPECT_EQ(task->input.surface_bytes, 8U * 8 * 16);
  EXPECT_EQ(task->output.channels, 32U);
  EXPECT_EQ(task->output.surface_bytes, 8U * 8 * 16);
  EXPECT_EQ(task->kernels, 32U);
  EXPECT_EQ(task->pad_left, 1U);
  EXPECT_EQ(task->pad_top, 1U);
  EXPECT_EQ(task->pad[0], -8);
  EXPECT_EQ(task->requantization.weight_offset, -2);
  EXPECT_EQ(task->requantization.scale, 0x6D3B);
  EXPECT_EQ(task->requantization.shift, 23U);
  EXPECT_EQ(task->requantization.offset, -18);
  EXPECT_FALSE(task->addition);
  EXPECT_EQ(task->weight_bytes(), 4608U);
  EXPECT_EQ(task->macs(), 8U * 8 * 32 * 9 * 16);
}

TEST(ParseTask, MapsLowerThanFourLinesHaveANegativeSurfaceField) {
  auto layer = testing::worked_example();
  layer.size = 2;
  const auto task = parse_task(make_stream(layer, at));
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(task->input.line_bytes, 2U * 16);
  EXPECT_EQ(task->input.surface_bytes, 2U * 2 * 16);
}

TEST(ParseTask, AScaleOf0x8000IsNegative) {
  auto words = make_stream(testing::worked_example(), at);
  set(words, 0x4084, 0x8000);
  const auto task = parse_task(words);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->requantization.scale, -32768);
}

struct Refused {
  const char* name;
  std::function<void(std::vector<std::uint64_t>&)> change;
};

class RefusedStream : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedStream, IsAnError) {
  auto words = make_stream(testing::worked_example(), at);
  GetParam().change(words);
  EXPECT_FALSE(parse_task(words));
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusedStream,
    ::testing::Values(
        Refused{"empty", [](auto& words) { words.clear(); }},
        Refused{"never_runs", [](auto& words) { words.pop_back(); }},
        Refused{"too_long", [](auto& words) { words.insert(words.begin(), 5000, 0); }},
        Refused{"unknown_selector", [](auto& words) { words[0] = 0x7777'0000'0001'1040; }},
        Refused{"offset_of_another_block", [](auto& words) { words[0] = 0x0201'0000'0001'4040; }},
        Refused{"odd_offset", [](auto& words) { words[0] = 0x0201'0000'0001'1041; }},
        Refused{"zero_stride", [](auto& words) { set(words, 0x1014, 0); }},
        Refused{"zero_kernel", [](auto& words) { set(words, 0x1038, 0x20); }},
        Refused{"zero_width", [](auto& words) { set(words, 0x1084, 8); }},
        Refused{"zero_height", [](auto& words) { set(words, 0x1020, 0x80000); }},
        Refused{"lanes_are_no_whole_surfaces", [](auto& words) { set(words, 0x1024, 0xF0011); }},
        Refused{"more_channels_than_lanes", [](auto& words) { set(words, 0x1024, 0x100010); }},
        Refused{"more_outputs_than_kernels", [](auto& words) { set(words, 0x403C, 0x3F003F); }},
        Refused{"negative_surface", [](auto& words) { set(words, 0x1080, 0x0800'0000); }},
        Refused{"modes_disagree", [](auto& words) { set(words, 0x3010, 3); }},
        Refused{"unknown_mode", [](auto& words) { set(words, 0x100C, 1); }},
        Refused{"float16", [](auto& words) { set(words, 0x4010, 2); }},
        Refused{"multiplier_stage", [](auto& words) { set(words, 0x4060, 0); }},
        Refused{"single_channel_with_16", [](auto& words) { set(words, 0x100C, 0x60008000); }}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace gantry::emulator
