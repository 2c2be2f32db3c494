#include "dot_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>
#endif

namespace gantry::emulator {

void dot_product_portable(const std::int16_t* inputs, std::size_t pixel_step, std::size_t pixels,
                          const std::int16_t* weights, std::size_t count, BlockSums& sums) {
  for (std::size_t p = 0; p < pixels; ++p) {
    const std::int16_t* in = inputs + p * pixel_step;
    auto& out = sums.at(p);
    for (std::size_t i = 0; i < count; i += 2) {
      const std::int16_t* pair = weights + i * block_kernels;
      for (std::size_t k = 0; k < block_kernels; ++k) {
        out[k] += in[i] * pair[2 * k] + in[i + 1] * pair[2 * k + 1];
      }
    }
  }
}

#if defined(__x86_64__)
namespace {

// Integer sums in any order are the same sums, so this equals the portable loops to the bit.
template <std::size_t pixels>
__attribute__((target("avx2"))) void dot_product_avx2(const std::int16_t* inputs,
                                                      std::size_t pixel_step,
                                                      const std::int16_t* weights,
                                                      std::size_t count, BlockSums& sums) {
  struct Sums {
    __m256i low;
    __m256i high;
  };
  Sums acc[pixels];  // NOLINT(*-avoid-c-arrays,*-member-init): std::array drops the alignment
  for (std::size_t p = 0; p < pixels; ++p) {
    const auto* from = reinterpret_cast<const __m256i*>(sums[p].data());
    acc[p] = {.low = _mm256_loadu_si256(from), .high = _mm256_loadu_si256(from + 1)};
  }
  for (std::size_t i = 0; i < count; i += 2) {
    const auto* pairs = reinterpret_cast<const __m256i*>(weights + i * block_kernels);
    const __m256i low = _mm256_loadu_si256(pairs);
    const __m256i high = _mm256_loadu_si256(pairs + 1);
    for (std::size_t p = 0; p < pixels; ++p) {
      std::int32_t pair = 0;
      std::memcpy(&pair, inputs + p * pixel_step + i, sizeof(pair));
      const __m256i x = _mm256_set1_epi32(pair);
      acc[p].low = _mm256_add_epi32(acc[p].low, _mm256_madd_epi16(x, low));
      acc[p].high = _mm256_add_epi32(acc[p].high, _mm256_madd_epi16(x, high));
    }
  }
  for (std::size_t p = 0; p < pixels; ++p) {
    auto* to = reinterpret_cast<__m256i*>(sums[p].data());
    _mm256_storeu_si256(to, acc[p].low);
    _mm256_storeu_si256(to + 1, acc[p].high);
  }
}

void dot_product_x86(const std::int16_t* inputs, std::size_t pixel_step, std::size_t pixels,
                     const std::int16_t* weights, std::size_t count, BlockSums& sums) {
  switch (pixels) {
    case 1:
      dot_product_avx2<1>(inputs, pixel_step, weights, count, sums);
      return;
    case 2:
      dot_product_avx2<2>(inputs, pixel_step, weights, count, sums);
      return;
    case 3:
      dot_product_avx2<3>(inputs, pixel_step, weights, count, sums);
      return;
    default:
      dot_product_avx2<4>(inputs, pixel_step, weights, count, sums);
      return;
  }
}

}  // namespace

DotProduct best_dot_product() {
  return __builtin_cpu_supports("avx2") ? dot_product_x86 : dot_product_portable;
}
#else
DotProduct best_dot_product() { return dot_product_portable; }
#endif

}  // namespace gantry::emulator
