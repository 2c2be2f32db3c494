#include "gantry/measure/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace gantry::measure {
namespace {

TEST(Summarise, IsWhatNumpySays) {
  // numpy.percentile([4, 1, 3, 2, 10], [50, 90, 95, 99]) and numpy.std(…, ddof=1)
  const std::array<double, 5> samples = {4, 1, 3, 2, 10};
  const Summary s = summarise(samples);
  EXPECT_EQ(s.count, 5U);
  EXPECT_DOUBLE_EQ(s.average, 4);
  EXPECT_NEAR(s.deviation, 3.5355339, 1e-6);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.max, 10);
  EXPECT_DOUBLE_EQ(s.p50, 3);
  EXPECT_NEAR(s.p90, 7.6, 1e-9);
  EXPECT_NEAR(s.p95, 8.8, 1e-9);
  EXPECT_NEAR(s.p99, 9.76, 1e-9);
}
TEST(Summarise, OneSampleHasNoSpread) {
  const std::array<double, 1> samples = {4};
  EXPECT_EQ(summarise(samples).deviation, 0);
  EXPECT_EQ(summarise(samples).p99, 4);
  EXPECT_EQ(summarise({}).count, 0U);
}

Summary spread(double average, double deviation, std::size_t count = 10) {
  return {.count = count, .average = average, .deviation = deviation};
}
TEST(Compare, AChangeBeyondTheSpreadIsClaimed) {
  EXPECT_EQ(compare(spread(10, 0.2), spread(11, 0.2)).change, Change::slower);
  EXPECT_EQ(compare(spread(10, 0.2), spread(9, 0.2)).change, Change::faster);
}
TEST(Compare, AChangeWithinTheSpreadIsNot) {
  EXPECT_EQ(compare(spread(10, 3), spread(11, 3)).change, Change::none);
  EXPECT_EQ(compare(spread(10, 3), spread(9, 3)).change, Change::none);
}
TEST(Compare, LessThanTwoPercentIsNeverClaimed) {
  EXPECT_EQ(compare(spread(10, 0), spread(10.1, 0)).change, Change::none);
}
TEST(Compare, OneRunProvesNothing) {
  EXPECT_EQ(compare(spread(10, 0, 1), spread(20, 0, 1)).change, Change::none);
}
TEST(Compare, TheIntervalIsWelchs) {
  // scipy.stats.t.ppf(0.975, 18) = 2.1009; both averages have a standard error of 0.2 / sqrt(10).
  const Comparison c = compare(spread(10, 0.2), spread(10, 0.2));
  EXPECT_NEAR(c.high - 1, 2.1009 * 0.2 / std::sqrt(10) * std::sqrt(2) / 10, 2e-4);
}
TEST(AgainstPlan, NamesTheSide) {
  EXPECT_THAT(against_plan(15.9), testing::StartsWith("faster"));
  EXPECT_THAT(against_plan(16), testing::StartsWith("within"));
  EXPECT_THAT(against_plan(21), testing::StartsWith("within"));
  EXPECT_THAT(against_plan(21.1), testing::StartsWith("slower"));
}

}  // namespace
}  // namespace gantry::measure
