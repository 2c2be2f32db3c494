#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace gantry::measure {

/// What a list of durations comes to, in their unit. All 0 for an empty list.
struct Summary {
  std::size_t count = 0;
  double average = 0;
  double deviation = 0;  ///< standard deviation of the sample (n - 1); 0 for fewer than two
  double min = 0, max = 0;
  double p50 = 0, p90 = 0, p95 = 0, p99 = 0;  ///< between neighbours linearly, as numpy.percentile
};
[[nodiscard]] Summary summarise(std::span<const double> samples);

enum class Change : unsigned char { faster, slower, none };

/// B's average over A's, and what may be said of it.
struct Comparison {
  double ratio = 1;
  double low = 1, high = 1;  ///< 95 % interval of the ratio (Welch's, by the spread of both)
  Change change = Change::none;
};
/// Claims a change only if the whole interval lies on one side of 1 and the ratio is off by 2 % or
/// more: two runs of one program differ by that much for reasons that no spread within a run shows
/// (where memory came to lie). Both averages must be positive.
[[nodiscard]] Comparison compare(const Summary& a, const Summary& b);

/// The plan's yardstick for MobileNet V1 on an RK3588 NPU, in milliseconds.
constexpr double plan_limit_ms = 50;
constexpr double plan_low_ms = 16;
constexpr double plan_high_ms = 21;
/// How an average stands to 16–21 ms: "faster than 16–21 ms, …".
[[nodiscard]] std::string_view against_plan(double average_ms);

}  // namespace gantry::measure
