#include "gantry/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace gantry::measure {
namespace {

double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

/// Student's t for a two-sided 95 % interval; within 2 % of the tables from 4 degrees of freedom
/// up.
double t95(double freedom) { return 1.96 + (2.37 / freedom) + (2.8 / (freedom * freedom)); }

}  // namespace

Summary summarise(std::span<const double> samples) {
  if (samples.empty()) {
    return {};
  }
  std::vector<double> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  const auto n = static_cast<double>(sorted.size());
  const double average = std::reduce(sorted.begin(), sorted.end()) / n;
  double squares = 0;
  for (const double sample : sorted) {
    squares += (sample - average) * (sample - average);
  }
  return {.count = sorted.size(),
          .average = average,
          .deviation = sorted.size() < 2 ? 0 : std::sqrt(squares / (n - 1)),
          .min = sorted.front(),
          .max = sorted.back(),
          .p50 = percentile(sorted, 0.50),
          .p90 = percentile(sorted, 0.90),
          .p95 = percentile(sorted, 0.95),
          .p99 = percentile(sorted, 0.99)};
}

Comparison compare(const Summary& a, const Summary& b) {
  Comparison result{.ratio = b.average / a.average};
  if (a.count < 2 || b.count < 2) {
    result.low = 0;
    result.high = INFINITY;  // one sample has no spread to judge by
    return result;
  }
  // Variances of the two averages relative to their squares; they add up in the ratio.
  const auto relative = [](const Summary& s) {
    return s.deviation * s.deviation / static_cast<double>(s.count) / (s.average * s.average);
  };
  const double va = relative(a);
  const double vb = relative(b);
  const double sum = va + vb;
  double margin = 0;
  if (sum > 0) {
    const double freedom = sum * sum /
                           ((va * va / static_cast<double>(a.count - 1)) +
                            (vb * vb / static_cast<double>(b.count - 1)));
    margin = t95(freedom) * std::sqrt(sum) * result.ratio;
  }
  result.low = result.ratio - margin;
  result.high = result.ratio + margin;
  if (result.high < 1 && result.ratio <= 0.98) {
    result.change = Change::faster;
  } else if (result.low > 1 && result.ratio >= 1.02) {
    result.change = Change::slower;
  }
  return result;
}

std::string_view against_plan(double average_ms) {
  if (average_ms < plan_low_ms) {
    return "faster than the 16–21 ms of MobileNet V1 on an RK3588 NPU";
  }
  if (average_ms <= plan_high_ms) {
    return "within the 16–21 ms of MobileNet V1 on an RK3588 NPU";
  }
  return "slower than the 16–21 ms of MobileNet V1 on an RK3588 NPU";
}

}  // namespace gantry::measure
