#include "gantry/proof/test_input.h"

#include <algorithm>
#include <cstring>

namespace gantry::proof {
namespace {

/// Numerical Recipes' generator; integers only, so that every machine agrees.
class Noise {
 public:
  explicit Noise(std::uint32_t seed) : state_(seed) {}
  /// 0 to `below` - 1.
  std::uint32_t next(std::uint32_t below) {
    state_ = (state_ * 1664525U) + 1013904223U;
    return (state_ >> 16U) % below;
  }

 private:
  std::uint32_t state_;
};

/// A triangle wave of height 0 to 255.
std::uint32_t wave(std::uint32_t at, std::uint32_t period) {
  const std::uint32_t phase = (at % period) * 510U / period;
  return phase < 256U ? phase : 510U - phase;
}

struct Extents {
  std::size_t width = 1;
  std::size_t channels = 1;
};
Extents extents_of(const Shape& shape) {
  const auto at = [&](std::size_t from_end) -> std::size_t {
    return from_end > shape.size()
               ? 1
               : static_cast<std::size_t>(std::max(1, shape[shape.size() - from_end]));
  };
  return {.width = at(2), .channels = at(1)};
}

}  // namespace

void fill_test_input(const TensorSpec& spec, std::uint32_t seed, std::span<std::byte> out) {
  std::ranges::fill(out, std::byte{0});
  const bool is_small = spec.dtype == DType::uint8 || spec.dtype == DType::int8;
  const bool is_float = spec.dtype == DType::float32;
  if (!is_small && !is_float && spec.dtype != DType::int16) {
    return;
  }
  const Extents extents = extents_of(spec.shape);
  const std::size_t size = dtype_size(spec.dtype);
  Noise noise(seed);
  const std::uint32_t period_x = 24 + noise.next(40);
  const std::uint32_t period_y = 24 + noise.next(40);
  std::uint32_t channel = 0;
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  const auto advance = [&] {
    if (++channel < extents.channels) {
      return;
    }
    channel = 0;
    if (++x < extents.width) {
      return;
    }
    x = 0;
    ++y;
  };
  for (std::size_t i = 0; i < out.size() / size; ++i, advance()) {
    const std::uint32_t shift = channel * 17U;
    const std::uint32_t smooth = (wave(x + shift, period_x) + wave(y + shift, period_y)) / 2;
    const bool is_inside = (x / 16 + y / 16 + seed) % 5 == 0;  // squares with hard edges
    const std::uint32_t base = is_inside ? 255U - smooth : smooth;
    const std::uint32_t grain = noise.next(65);
    const auto level = static_cast<std::int32_t>(base + grain) - 32;
    const std::int32_t value = std::clamp(level, 0, 255);
    if (spec.dtype == DType::uint8) {
      out[i] = static_cast<std::byte>(value);
    } else if (spec.dtype == DType::int8) {
      out[i] = static_cast<std::byte>(value - 128);
    } else if (spec.dtype == DType::int16) {
      const auto wide = static_cast<std::int16_t>((value - 128) * 256);
      std::memcpy(&out[i * size], &wide, size);
    } else {
      const float real = static_cast<float>(value - 128) / 128.0F;
      std::memcpy(&out[i * size], &real, size);
    }
  }
}

}  // namespace gantry::proof
