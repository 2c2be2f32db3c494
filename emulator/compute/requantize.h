#pragma once

#include <algorithm>
#include <cstdint>

#include "gantry/emulator_stream/conv_task.h"

namespace gantry::emulator {

/// More than any sum of a sensible stream, and so small that every product below fits. Silicon has
/// at least 34 bits; what it does beyond them is unknown.
inline constexpr std::int64_t accumulator_max = (std::int64_t{1} << 46) - 1;

/// value / 2^shift, ties to even. 0 ≤ shift ≤ 63, |value| < 2^62.
[[nodiscard]] constexpr std::int64_t shift_half_to_even(std::int64_t value, std::uint32_t shift) {
  if (shift == 0) {
    return value;
  }
  const std::int64_t half = std::int64_t{1} << (shift - 1U);
  return (value + (half - 1) + ((value >> shift) & 1)) >> shift;
}

[[nodiscard]] constexpr std::int64_t shift_half_away(std::int64_t value, std::uint32_t shift) {
  if (shift == 0) {
    return value;
  }
  const std::int64_t half = std::int64_t{1} << (shift - 1U);
  return value < 0 ? -((-value + half) >> shift) : (value + half) >> shift;
}

[[nodiscard]] constexpr std::int64_t saturate(std::int64_t value) {
  return std::clamp(value, -accumulator_max, accumulator_max);
}

/// The value that an addend's byte adds to the accumulator.
[[nodiscard]] constexpr std::int64_t addend_term(std::int8_t addend, const Addition& addition) {
  const auto value = std::int64_t{addend} + addition.offset;
  return shift_half_to_even(value * addition.scale, addition.shift);
}

/// From the sum of products (weight offset included) to the output byte; `added` is the addend's
/// term or 0. Source: rocket-npu.md E.7, steps 3 to 7.
[[nodiscard]] constexpr std::int8_t requantize(std::int64_t sum, std::int32_t bias,
                                               std::int64_t added, const Requantization& how) {
  std::int64_t acc = shift_half_to_even(saturate(sum), how.truncate);
  acc = saturate(acc + bias + added);
  const std::int64_t product = acc * how.scale;  // below 2^61
  const std::int64_t value = how.half_away_from_zero ? shift_half_away(product, how.shift)
                                                     : shift_half_to_even(product, how.shift);
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(value + how.offset, INT8_MIN, INT8_MAX));
}

}  // namespace gantry::emulator
