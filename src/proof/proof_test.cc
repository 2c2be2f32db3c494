#include "gantry/proof/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faults.h"

namespace gantry::proof {
namespace {

Result<tflite::Delegation> fake(std::vector<bool> offered) {
  return tflite::Delegate::load(GANTRY_FAKE_DELEGATE).transform([&](auto delegate) {
    return tflite::Delegation{.delegate = std::move(delegate), .operators = std::move(offered)};
  });
}

/// Operators 0 to 3: three convolutions and the addition of the third's and the first's result.
const std::vector<std::byte>& model() {
  static const std::vector<std::byte> made = living_model();
  return made;
}

TEST(Prove, ADelegateThatComputesRightPasses) {
  const Faults faults;
  const auto report = prove(model(), {true, true, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->passed) << report->words;
  EXPECT_EQ(report->operators, 4U);
  EXPECT_EQ(report->delegated, 4U);
  EXPECT_EQ(report->partitions, 1U);
  EXPECT_EQ(report->largest, 0);
  EXPECT_EQ(report->boundaries.size(), 1U);
  ASSERT_EQ(report->outputs.size(), input_count);
  ASSERT_EQ(report->outputs[0].size(), 1U);
  EXPECT_NE(report->outputs[0], report->outputs[1]) << "two inputs that give the same prove less";
}

TEST(Prove, EachPartitionsOutputsAreLookedAt) {
  const Faults faults;
  // The second convolution stays on the CPU: what crosses the border is the first's result (which
  // the addition reads too) and the model's output.
  const auto report = prove(model(), {true, false, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->partitions, 2U);
  EXPECT_EQ(report->boundaries.size(), 2U);
  EXPECT_TRUE(report->passed);
}

class WrongOperator : public testing::TestWithParam<int> {};
TEST_P(WrongOperator, IsNamed) {
  const Faults faults;
  faults.set("wrong " + std::to_string(GetParam()));
  bool told = false;
  const auto report =
      prove(model(), {true, true, true, true}, fake, {.on_wrong = [&](const Report& before) {
              told = true;
              EXPECT_FALSE(before.passed);
              EXPECT_EQ(before.first_wrong, -1);
            }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->passed);
  EXPECT_TRUE(told);
  EXPECT_EQ(report->first_wrong, GetParam());
  EXPECT_THAT(report->words,
              testing::HasSubstr("first wrong: operator " + std::to_string(GetParam())));

  const auto by_one_input = prove(model(), {true, true, true, true}, fake, {.inputs = 1});
  ASSERT_TRUE(by_one_input) << by_one_input.error().message;
  EXPECT_EQ(by_one_input->first_wrong, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Each, WrongOperator, testing::Range(0, 4));

// Two partitions, the first operator and the last two; the results of the first reach the last
// addition on two ways.
TEST(Prove, ErrorsOfRightPartitionsMayAddUp) {
  const Faults faults;
  faults.set("drift 2");
  const auto report = prove(model(), {true, false, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->passed) << report->words;
  EXPECT_EQ(report->largest, 2);
  EXPECT_GT(report->added_up, 3);
  EXPECT_THAT(report->words, testing::HasSubstr("2 pieces, each with the CPU's inputs"));
}
TEST(Prove, WhatAddsUpToMostElementsFails) {
  const Faults faults;
  faults.set("shift 2");
  const auto report = prove(model(), {true, false, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->passed) << report->words;
}
TEST(Prove, OnePartitionHasNothingToAddUp) {
  const Faults faults;
  faults.set("drift 5");
  const auto report = prove(model(), {true, true, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->passed) << report->words;
}
TEST(Prove, TheFirstWrongPartitionIsSearched) {
  const Faults faults;
  faults.set("wrong 3");
  const auto report = prove(model(), {true, false, true, true}, fake);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->passed);
  EXPECT_EQ(report->first_wrong, 3);
}

TEST(Prove, WhatIsNotOfferedCannotBeWrong) {
  const Faults faults;
  faults.set("wrong 1");
  const auto report = prove(model(), {true, false, true, true}, fake);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->passed) << report->words;
}

TEST(Prove, ADeviceThatComputesNothingFails) {
  const Faults faults;
  // The first invoke is computed, since there is no last result to leave.
  faults.set("stale");
  const auto report = prove(model(), {true, true, true, true}, fake);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->passed);
}

TEST(Prove, NoDeviceIsAnError) {
  const Faults faults;
  faults.set("absent");
  const auto report = prove(model(), {true, true, true, true}, fake);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::unavailable);
}

TEST(OutputsAsBytes, ComeBackAsTheyWere) {
  const Outputs outputs = {{{std::byte{1}, std::byte{2}}, {}}, {{std::byte{3}}, {std::byte{4}}}};
  const auto bytes = to_bytes(outputs);
  const auto back = outputs_from(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, outputs);
}
TEST(OutputsAsBytes, WhatIsCutOrTooLongIsRefused) {
  const auto bytes = to_bytes({{{std::byte{1}, std::byte{2}}}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(outputs_from(std::span(bytes).first(size))) << size;
  }
  auto longer = bytes;
  longer.push_back(std::byte{});
  EXPECT_FALSE(outputs_from(longer));
  auto huge = bytes;
  std::ranges::fill(std::span(huge).first(8), std::byte{0xff});
  EXPECT_FALSE(outputs_from(huge));
}

}  // namespace
}  // namespace gantry::proof
