#include "requantize.h"

#include <gtest/gtest.h>

#include <string>

namespace gantry::emulator {
namespace {

struct Rounding {
  const char* name;
  std::int64_t value;
  std::uint32_t shift;
  std::int64_t to_even;
  std::int64_t away;
};

class RoundingTest : public ::testing::TestWithParam<Rounding> {};

TEST_P(RoundingTest, Shifts) {
  EXPECT_EQ(shift_half_to_even(GetParam().value, GetParam().shift), GetParam().to_even);
  EXPECT_EQ(shift_half_away(GetParam().value, GetParam().shift), GetParam().away);
}

INSTANTIATE_TEST_SUITE_P(
    Each, RoundingTest,
    ::testing::Values(Rounding{"no_shift", -7, 0, -7, -7}, Rounding{"half_of_one", 1, 1, 0, 1},
                      Rounding{"half_of_three", 3, 1, 2, 2}, Rounding{"minus_half", -1, 1, 0, -1},
                      Rounding{"minus_one_and_a_half", -3, 1, -2, -2},
                      Rounding{"below_half", 3, 3, 0, 0}, Rounding{"above_half", 5, 3, 1, 1},
                      Rounding{"all_of_it", 1, 63, 0, 0}),
    [](const auto& test) { return std::string(test.param.name); });

// rocket-npu.md E.10: the inner pixels and the corner.
TEST(Requantize, WorkedExample) {
  const Requantization how{.scale = 0x6D3B, .shift = 23, .offset = -18};
  EXPECT_EQ(requantize(-1296, 3556, 0, how), -10);
  EXPECT_EQ(requantize(-2496, 3556, 0, how), -14);
}

TEST(Requantize, SaturatesLast) {
  EXPECT_EQ(requantize(300, 0, 0, {.scale = 1, .shift = 0, .offset = -200}), 100);
  EXPECT_EQ(requantize(300, 0, 0, {.scale = 1, .shift = 0, .offset = -20}), 127);
  EXPECT_EQ(requantize(-300, 0, 0, {.scale = 1, .shift = 0, .offset = 20}), -128);
}

TEST(Requantize, TruncatesBeforeTheBias) {
  EXPECT_EQ(requantize(5, 1, 0, {.truncate = 1, .scale = 1}), 3);  // 2.5 to even, then 1
}

TEST(Requantize, ScaleCarryDefectFlipsTheSign) {
  EXPECT_EQ(requantize(100, 0, 0, {.scale = INT16_MIN, .shift = 15}), -100);
}

TEST(Requantize, NothingOverflows) {
  EXPECT_EQ(requantize(INT64_MAX, INT32_MAX, INT64_MAX / 4, {.scale = INT16_MAX, .shift = 63}), 0);
  EXPECT_EQ(requantize(INT64_MIN, INT32_MIN, INT64_MIN / 4, {.scale = INT16_MIN, .offset = 5}),
            127);
}

TEST(AddendTerm, IsRoundedOnItsOwn) {
  EXPECT_EQ(addend_term(3, {.offset = 2, .scale = 1, .shift = 1}), 2);  // 2.5 to even
  EXPECT_EQ(addend_term(-3, {.offset = 2, .scale = 3, .shift = 1}), -2);
}

}  // namespace
}  // namespace gantry::emulator
