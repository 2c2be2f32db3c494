#include <algorithm>
#include <cmath>

#include "resize_kernels.h"

// Pillow's coefficients are doubles, computed in this order of operations; a fused multiply-add
// would round differently, so this file is compiled with -ffp-contract=off.

namespace gantry::image {

void ResizeAxis::prepare(std::int32_t in_size, std::int32_t out_size, bool mirrored_source) {
  if (in == in_size && out == out_size && mirrored == mirrored_source) {
    return;
  }
  in = 0;  // until all is done, should memory run out
  const double scale = static_cast<double>(in_size) / out_size;
  const double stretch = std::max(scale, 1.0);  // the triangle is widened when shrinking
  const double support = stretch;               // of a triangle that reaches 1 to either side
  const auto outputs = static_cast<std::size_t>(out_size);
  start.resize(outputs);
  length.resize(outputs);
  max_length = 0;
  for (std::size_t x = 0; x < outputs; ++x) {
    const double center = (static_cast<double>(x) + 0.5) * scale;
    // To the nearest whole sample, where halves and negatives go as Pillow's casts have it.
    // NOLINTBEGIN(bugprone-incorrect-roundings): that is meant
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), in_size);
    // NOLINTEND(bugprone-incorrect-roundings)
    start[x] = first;
    length[x] = last - first;
    max_length = std::max(max_length, length[x]);
  }

  groups = (static_cast<std::size_t>(max_length) + kGroup - 1) / kGroup;
  weights.assign(outputs * groups * 2 * kGroup, 0);
  const double per_sample = 1.0 / stretch;
  std::vector<double> triangle(static_cast<std::size_t>(max_length));
  for (std::size_t x = 0; x < outputs; ++x) {
    const double center = (static_cast<double>(x) + 0.5) * scale;
    double sum = 0;
    for (int i = 0; i < length[x]; ++i) {
      const double distance = std::abs((i + start[x] - center + 0.5) * per_sample);
      const double height = distance < 1.0 ? 1.0 - distance : 0.0;
      triangle[static_cast<std::size_t>(i)] = height;
      sum += height;
    }
    const auto taps = static_cast<std::size_t>(length[x]);
    for (std::size_t i = 0; i < taps; ++i) {
      const double height = triangle[mirrored_source ? taps - 1 - i : i];
      const double share = sum != 0.0 ? height / sum : height;
      // NOLINTNEXTLINE(bugprone-incorrect-roundings): Pillow's, and never negative
      const int weight = static_cast<int>(0.5 + share * (1 << kFractionBits));
      std::int16_t* group = &weights[(x * groups + i / kGroup) * 2 * kGroup + i % kGroup];
      group[0] = static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
      group[kGroup] = static_cast<std::int16_t>(weight >> kLowBits);
    }
    if (mirrored_source) {
      start[x] = in_size - start[x] - length[x];
    }
  }
  in = in_size;
  out = out_size;
  mirrored = mirrored_source;
}

}  // namespace gantry::image
