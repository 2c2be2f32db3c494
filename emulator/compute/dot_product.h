#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gantry::emulator {

inline constexpr std::size_t block_kernels = 16;
inline constexpr std::size_t block_pixels = 4;
using BlockSums = std::array<std::array<std::int32_t, block_kernels>, block_pixels>;

/// sums[p][k] += Σ inputs[p * pixel_step + i] * weights[…], i < count, for `pixels` ≤ block_pixels
/// pixels and 16 kernels. `count` is even; weights are pairs (i, i + 1) of kernel 0, of kernel 1 …
using DotProduct = void (*)(const std::int16_t* inputs, std::size_t pixel_step, std::size_t pixels,
                            const std::int16_t* weights, std::size_t count, BlockSums& sums);

/// The fastest one for this processor.
[[nodiscard]] DotProduct best_dot_product();
/// Plain C++, for every processor.
void dot_product_portable(const std::int16_t* inputs, std::size_t pixel_step, std::size_t pixels,
                          const std::int16_t* weights, std::size_t count, BlockSums& sums);

}  // namespace gantry::emulator
