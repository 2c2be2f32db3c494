#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace gantry::measure {

/// Statistics of a list of durations, in the unit of the list. All 0 for an empty list.
struct Summary {
  std::size_t count = 0;
  double average = 0;
  double deviation = 0;  ///< standard deviation of the sample (n - 1); 0 for fewer than two
  double min = 0, max = 0;
  double p50 = 0, p90 = 0, p95 = 0, p99 = 0;  ///< linear between neighbours, as numpy.percentile
};
[[nodiscard]] Summary summarise(std::span<const double> samples);

enum class Change : unsigned char { faster, slower, none };

/// B's average divided by A's, and whether that is a change.
struct Comparison {
  double ratio = 1;
  double low = 1, high = 1;  ///< 95 % confidence interval of the ratio (Welch's)
  Change change = Change::none;
};
/// Claims a change only if the whole interval lies on one side of 1 and the ratio is off by 2 % or
/// more. Two runs of one program differ by up to that much for reasons that the spread within a run
/// does not show, such as the place of its memory. Both averages must be positive.
[[nodiscard]] Comparison compare(const Summary& a, const Summary& b);

/// The plan's yardstick for MobileNet V1 on an RK3588 NPU, in milliseconds.
constexpr double plan_limit_ms = 50;
constexpr double plan_low_ms = 16;
constexpr double plan_high_ms = 21;
/// Compares an average with 16–21 ms: "faster than 16–21 ms, …".
[[nodiscard]] std::string_view against_plan(double average_ms);

}  // namespace gantry::measure
