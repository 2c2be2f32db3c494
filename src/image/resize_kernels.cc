#include "resize_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#ifdef __x86_64__
#include <immintrin.h>
#elifdef __aarch64__
#include <arm_neon.h>
#endif

#include "pixel.h"

namespace gantry::image {
namespace {

constexpr std::int32_t kHalf = 1 << (ResizeAxis::kFractionBits - 1);
constexpr std::size_t kGroup = ResizeAxis::kGroup;

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(
      std::clamp((sum + kHalf) >> ResizeAxis::kFractionBits, std::int32_t{0}, std::int32_t{255}));
}

void plain_horizontal(const ResizeAxis& axis, const std::uint8_t* row, std::size_t /*readable*/,
                      std::uint8_t* out) {
  for (std::int32_t x = 0; x < axis.out; ++x) {
    resize_pixel(axis, row, x, out + static_cast<std::size_t>(x) * kPixelBytes);
  }
}

/// horizontal_rows() where doing them together saves little.
template <auto Horizontal>
void one_by_one(const ResizeAxis& axis, const std::uint8_t* const* rows, std::size_t readable,
                std::uint8_t* const* out) {
  for (std::int32_t i = 0; i < ResizeKernels::kRows; ++i) {
    Horizontal(axis, rows[i], readable, out[i]);
  }
}

void plain_vertical(const std::uint8_t* const* rows, std::size_t count, const std::int16_t* weights,
                    std::size_t size, std::uint8_t* out) {
  resize_bytes(rows, count, weights, 0, size, out);
}

/// Groups of weights that an output really has.
std::size_t groups_of(const ResizeAxis& axis, std::int32_t output) {
  return (static_cast<std::size_t>(axis.length[static_cast<std::size_t>(output)]) + kGroup - 1) /
         kGroup;
}

// NOLINTBEGIN(modernize-avoid-c-arrays,cppcoreguidelines-avoid-c-arrays): GCC can't keep the vector
// types' alignment in a template argument, which std::array would need.
#ifdef __x86_64__

constexpr int kLowBits = ResizeAxis::kLowBits;
constexpr int kFractionBits = ResizeAxis::kFractionBits;

// Bytes of an RGB row to pairs of 16-bit samples, one pair a channel: of pixels 0 and 1, and of 2
// and 3.
constexpr std::int8_t kZero = -128;  // the shuffle's word for a zero
alignas(32) constexpr std::array<std::int8_t, 32> kPairs = {
    0, kZero, 3, kZero, 1, kZero, 4,  kZero, 2, kZero, 5,  kZero, kZero, kZero, kZero, kZero,
    6, kZero, 9, kZero, 7, kZero, 10, kZero, 8, kZero, 11, kZero, kZero, kZero, kZero, kZero};

__attribute__((target("sse4.1"))) void sse_horizontal(const ResizeAxis& axis,
                                                      const std::uint8_t* row, std::size_t readable,
                                                      std::uint8_t* out) {
  const __m128i pairs01 = _mm_load_si128(reinterpret_cast<const __m128i*>(kPairs.data()));
  const __m128i pairs23 = _mm_load_si128(reinterpret_cast<const __m128i*>(kPairs.data() + 16));
  for (std::int32_t x = 0; x < axis.out; ++x, out += kPixelBytes) {
    const auto start = static_cast<std::size_t>(axis.start[static_cast<std::size_t>(x)]);
    const std::size_t groups = groups_of(axis, x);
    if ((start + groups * kGroup) * kPixelBytes + 4 > readable) {
      resize_pixel(axis, row, x, out);
      continue;
    }
    const std::uint8_t* in = row + start * kPixelBytes;
    const std::int16_t* weights = axis.weights_of(x);
    __m128i low = _mm_setzero_si128();
    __m128i high = _mm_setzero_si128();
    for (std::size_t g = 0; g < groups; ++g, in += kGroup * kPixelBytes, weights += 2 * kGroup) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
      const __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
      const __m128i first = _mm_shuffle_epi8(bytes, pairs01);
      const __m128i second = _mm_shuffle_epi8(bytes, pairs23);
      low = _mm_add_epi32(low, _mm_madd_epi16(first, _mm_shuffle_epi32(k, 0x00)));
      low = _mm_add_epi32(low, _mm_madd_epi16(second, _mm_shuffle_epi32(k, 0x55)));
      high = _mm_add_epi32(high, _mm_madd_epi16(first, _mm_shuffle_epi32(k, 0xAA)));
      high = _mm_add_epi32(high, _mm_madd_epi16(second, _mm_shuffle_epi32(k, 0xFF)));
    }
    __m128i sum = _mm_add_epi32(_mm_slli_epi32(high, kLowBits), low);
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kFractionBits);
    sum = _mm_packs_epi32(sum, sum);
    const std::int32_t rgb = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    // Four bytes at once where the fourth is overwritten by the next output.
    std::memcpy(out, &rgb, x + 1 < axis.out ? 4 : kPixelBytes);
  }
}

// The weights of rows i and i + 1 side by side in every lane.
inline std::int32_t weight_pair(const std::int16_t* weights, std::size_t i, std::size_t half) {
  std::int32_t pair = 0;
  std::memcpy(&pair, weights + i / kGroup * 2 * kGroup + half * kGroup + i % kGroup, sizeof pair);
  return pair;
}

__attribute__((target("sse4.1"))) void sse_vertical(const std::uint8_t* const* rows,
                                                    std::size_t count, const std::int16_t* weights,
                                                    std::size_t size, std::uint8_t* out) {
  const __m128i zero = _mm_setzero_si128();
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    __m128i low[4] = {zero, zero, zero, zero};
    __m128i high[4] = {zero, zero, zero, zero};
    for (std::size_t i = 0; i < count; i += 2) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i] + at));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i + 1] + at));
      const __m128i left = _mm_unpacklo_epi8(a, b);
      const __m128i right = _mm_unpackhi_epi8(a, b);
      const __m128i pairs[4] = {_mm_unpacklo_epi8(left, zero), _mm_unpackhi_epi8(left, zero),
                                _mm_unpacklo_epi8(right, zero), _mm_unpackhi_epi8(right, zero)};
      const __m128i k_low = _mm_set1_epi32(weight_pair(weights, i, 0));
      const __m128i k_high = _mm_set1_epi32(weight_pair(weights, i, 1));
      for (std::size_t j = 0; j < 4; ++j) {
        low[j] = _mm_add_epi32(low[j], _mm_madd_epi16(pairs[j], k_low));
        high[j] = _mm_add_epi32(high[j], _mm_madd_epi16(pairs[j], k_high));
      }
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const __m128i sum = _mm_add_epi32(_mm_slli_epi32(high[j], kLowBits), low[j]);
      low[j] = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kFractionBits);
    }
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(out + at),
        _mm_packus_epi16(_mm_packs_epi32(low[0], low[1]), _mm_packs_epi32(low[2], low[3])));
  }
  resize_bytes(rows, count, weights, at, size, out);
}

__attribute__((target("avx2"))) void avx2_horizontal(const ResizeAxis& axis,
                                                     const std::uint8_t* row, std::size_t readable,
                                                     std::uint8_t* out) {
  const __m256i pairs = _mm256_load_si256(reinterpret_cast<const __m256i*>(kPairs.data()));
  // Low lane: weights 0 and 1 in every pair; high lane: 2 and 3.
  const __m256i spread_low = _mm256_setr_epi32(0x03020100, 0x03020100, 0x03020100, 0x03020100,
                                               0x07060504, 0x07060504, 0x07060504, 0x07060504);
  const __m256i spread_high = _mm256_add_epi8(spread_low, _mm256_set1_epi8(8));
  for (std::int32_t x = 0; x < axis.out; ++x, out += kPixelBytes) {
    const auto start = static_cast<std::size_t>(axis.start[static_cast<std::size_t>(x)]);
    const std::size_t groups = groups_of(axis, x);
    if ((start + groups * kGroup) * kPixelBytes + 4 > readable) {
      resize_pixel(axis, row, x, out);
      continue;
    }
    const std::uint8_t* in = row + start * kPixelBytes;
    const std::int16_t* weights = axis.weights_of(x);
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    for (std::size_t g = 0; g < groups; ++g, in += kGroup * kPixelBytes, weights += 2 * kGroup) {
      const __m256i samples = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in))),
          pairs);
      const __m256i k =
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, _mm256_shuffle_epi8(k, spread_low)));
      high =
          _mm256_add_epi32(high, _mm256_madd_epi16(samples, _mm256_shuffle_epi8(k, spread_high)));
    }
    const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kFractionBits);
    sum = _mm_packs_epi32(sum, sum);
    const std::int32_t rgb = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    std::memcpy(out, &rgb, x + 1 < axis.out ? 4 : kPixelBytes);
  }
}

__attribute__((target("avx2"))) void avx2_horizontal_rows(const ResizeAxis& axis,
                                                          const std::uint8_t* const* rows,
                                                          std::size_t readable,
                                                          std::uint8_t* const* out) {
  static_assert(ResizeKernels::kRows == 2);
  const __m256i pairs = _mm256_load_si256(reinterpret_cast<const __m256i*>(kPairs.data()));
  const __m256i spread_low = _mm256_setr_epi32(0x03020100, 0x03020100, 0x03020100, 0x03020100,
                                               0x07060504, 0x07060504, 0x07060504, 0x07060504);
  const __m256i spread_high = _mm256_add_epi8(spread_low, _mm256_set1_epi8(8));
  const __m128i half = _mm_set1_epi32(kHalf);
  for (std::int32_t x = 0; x < axis.out; ++x) {
    const auto start = static_cast<std::size_t>(axis.start[static_cast<std::size_t>(x)]);
    const std::size_t groups = groups_of(axis, x);
    const std::size_t to = static_cast<std::size_t>(x) * kPixelBytes;
    if ((start + groups * kGroup) * kPixelBytes + 4 > readable) {
      for (std::size_t row = 0; row < 2; ++row) {
        resize_pixel(axis, rows[row], x, out[row] + to);
      }
      continue;
    }
    std::size_t at = start * kPixelBytes;
    const std::int16_t* weights = axis.weights_of(x);
    const __m256i zero = _mm256_setzero_si256();
    __m256i low[2] = {zero, zero};
    __m256i high[2] = {zero, zero};
    for (std::size_t g = 0; g < groups; ++g, at += kGroup * kPixelBytes, weights += 2 * kGroup) {
      const __m256i k =
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
      const __m256i k_low = _mm256_shuffle_epi8(k, spread_low);
      const __m256i k_high = _mm256_shuffle_epi8(k, spread_high);
#pragma GCC unroll 2
      for (std::size_t row = 0; row < 2; ++row) {
        const __m256i samples = _mm256_shuffle_epi8(
            _mm256_broadcastsi128_si256(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row] + at))),
            pairs);
        low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(samples, k_low));
        high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(samples, k_high));
      }
    }
    __m128i sum[2];
#pragma GCC unroll 2
    for (std::size_t row = 0; row < 2; ++row) {
      const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[row], kLowBits), low[row]);
      sum[row] = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
      sum[row] = _mm_srai_epi32(_mm_add_epi32(sum[row], half), kFractionBits);
    }
    const __m128i words = _mm_packs_epi32(sum[0], sum[1]);
    const __m128i rgb = _mm_packus_epi16(words, words);
    const std::array<std::int32_t, 2> pixels = {_mm_cvtsi128_si32(rgb), _mm_extract_epi32(rgb, 1)};
    const std::size_t size = x + 1 < axis.out ? 4 : kPixelBytes;
    for (std::size_t row = 0; row < 2; ++row) {
      std::memcpy(out[row] + to, &pixels[row], size);
    }
  }
}

__attribute__((target("avx2"))) void avx2_vertical(const std::uint8_t* const* rows,
                                                   std::size_t count, const std::int16_t* weights,
                                                   std::size_t size, std::uint8_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  std::size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    __m256i low[4] = {zero, zero, zero, zero};
    __m256i high[4] = {zero, zero, zero, zero};
    for (std::size_t i = 0; i < count; i += 2) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i] + at));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i + 1] + at));
      const __m256i left = _mm256_unpacklo_epi8(a, b);
      const __m256i right = _mm256_unpackhi_epi8(a, b);
      const __m256i pairs[4] = {_mm256_unpacklo_epi8(left, zero), _mm256_unpackhi_epi8(left, zero),
                                _mm256_unpacklo_epi8(right, zero),
                                _mm256_unpackhi_epi8(right, zero)};
      const __m256i k_low = _mm256_set1_epi32(weight_pair(weights, i, 0));
      const __m256i k_high = _mm256_set1_epi32(weight_pair(weights, i, 1));
      for (std::size_t j = 0; j < 4; ++j) {
        low[j] = _mm256_add_epi32(low[j], _mm256_madd_epi16(pairs[j], k_low));
        high[j] = _mm256_add_epi32(high[j], _mm256_madd_epi16(pairs[j], k_high));
      }
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high[j], kLowBits), low[j]);
      low[j] = _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kHalf)), kFractionBits);
    }
    // Unpacking and packing both work within each 128-bit lane, so the order is restored.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at),
                        _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]),
                                            _mm256_packs_epi32(low[2], low[3])));
  }
  resize_bytes(rows, count, weights, at, size, out);
}

#elifdef __aarch64__

constexpr int kLowBits = ResizeAxis::kLowBits;
constexpr int kFractionBits = ResizeAxis::kFractionBits;

void neon_horizontal(const ResizeAxis& axis, const std::uint8_t* row, std::size_t readable,
                     std::uint8_t* out) {
  // Pixel i of a group as R, G, B, 0 in 16 bits each: bytes of a table look-up, 255 makes a zero.
  constexpr std::array<std::uint8_t, 32> kSpread = {
      0, 255, 1, 255, 2, 255, 255, 255, 3, 255, 4,  255, 5,  255, 255, 255,
      6, 255, 7, 255, 8, 255, 255, 255, 9, 255, 10, 255, 11, 255, 255, 255};
  const uint8x16_t spread01 = vld1q_u8(kSpread.data());
  const uint8x16_t spread23 = vld1q_u8(kSpread.data() + 16);
  for (std::int32_t x = 0; x < axis.out; ++x, out += kPixelBytes) {
    const auto start = static_cast<std::size_t>(axis.start[static_cast<std::size_t>(x)]);
    const std::size_t groups = groups_of(axis, x);
    if ((start + groups * kGroup) * kPixelBytes + 4 > readable) {
      resize_pixel(axis, row, x, out);
      continue;
    }
    const std::uint8_t* in = row + start * kPixelBytes;
    const std::int16_t* weights = axis.weights_of(x);
    int32x4_t low = vdupq_n_s32(0);
    int32x4_t high = vdupq_n_s32(0);
    for (std::size_t g = 0; g < groups; ++g, in += kGroup * kPixelBytes, weights += 2 * kGroup) {
      const uint8x16_t bytes = vld1q_u8(in);
      const int16x8_t p01 = vreinterpretq_s16_u8(vqtbl1q_u8(bytes, spread01));
      const int16x8_t p23 = vreinterpretq_s16_u8(vqtbl1q_u8(bytes, spread23));
      const int16x4_t k_low = vld1_s16(weights);
      const int16x4_t k_high = vld1_s16(weights + kGroup);
      low = vmlal_lane_s16(low, vget_low_s16(p01), k_low, 0);
      high = vmlal_lane_s16(high, vget_low_s16(p01), k_high, 0);
      low = vmlal_lane_s16(low, vget_high_s16(p01), k_low, 1);
      high = vmlal_lane_s16(high, vget_high_s16(p01), k_high, 1);
      low = vmlal_lane_s16(low, vget_low_s16(p23), k_low, 2);
      high = vmlal_lane_s16(high, vget_low_s16(p23), k_high, 2);
      low = vmlal_lane_s16(low, vget_high_s16(p23), k_low, 3);
      high = vmlal_lane_s16(high, vget_high_s16(p23), k_high, 3);
    }
    int32x4_t sum = vaddq_s32(vshlq_n_s32(high, kLowBits), low);
    sum = vshrq_n_s32(vaddq_s32(sum, vdupq_n_s32(kHalf)), kFractionBits);
    const uint16x4_t words = vqmovun_s32(sum);
    const uint8x8_t bytes = vqmovn_u16(vcombine_u16(words, words));
    const std::uint32_t rgb = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    // Four bytes at once where the fourth is overwritten by the next output.
    std::memcpy(out, &rgb, x + 1 < axis.out ? 4 : kPixelBytes);
  }
}

void neon_vertical(const std::uint8_t* const* rows, std::size_t count, const std::int16_t* weights,
                   std::size_t size, std::uint8_t* out) {
  std::size_t at = 0;
  for (; at + 16 <= size; at += 16) {
    std::array<int32x4_t, 4> low{};
    std::array<int32x4_t, 4> high{};
    for (std::size_t i = 0; i < count; ++i) {
      const uint8x16_t bytes = vld1q_u8(rows[i] + at);
      const int16x8_t left = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
      const int16x8_t right = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
      const std::int16_t* group = weights + i / kGroup * 2 * kGroup + i % kGroup;
      const std::int16_t k_low = group[0];
      const std::int16_t k_high = group[kGroup];
      low[0] = vmlal_n_s16(low[0], vget_low_s16(left), k_low);
      low[1] = vmlal_n_s16(low[1], vget_high_s16(left), k_low);
      low[2] = vmlal_n_s16(low[2], vget_low_s16(right), k_low);
      low[3] = vmlal_n_s16(low[3], vget_high_s16(right), k_low);
      high[0] = vmlal_n_s16(high[0], vget_low_s16(left), k_high);
      high[1] = vmlal_n_s16(high[1], vget_high_s16(left), k_high);
      high[2] = vmlal_n_s16(high[2], vget_low_s16(right), k_high);
      high[3] = vmlal_n_s16(high[3], vget_high_s16(right), k_high);
    }
    std::array<uint16x4_t, 4> words{};
    for (std::size_t j = 0; j < 4; ++j) {
      const int32x4_t sum = vaddq_s32(vshlq_n_s32(high[j], kLowBits), low[j]);
      words[j] = vqmovun_s32(vshrq_n_s32(vaddq_s32(sum, vdupq_n_s32(kHalf)), kFractionBits));
    }
    vst1q_u8(out + at, vcombine_u8(vqmovn_u16(vcombine_u16(words[0], words[1])),
                                   vqmovn_u16(vcombine_u16(words[2], words[3]))));
  }
  resize_bytes(rows, count, weights, at, size, out);
}

#endif
// NOLINTEND(modernize-avoid-c-arrays,cppcoreguidelines-avoid-c-arrays)

}  // namespace

std::span<const ResizeKernels> resize_kernels() {
#ifdef __x86_64__
  static constexpr std::array<ResizeKernels, 3> kAll = {
      {{"avx2", avx2_horizontal, avx2_horizontal_rows, avx2_vertical},
       {"sse4.1", sse_horizontal, one_by_one<sse_horizontal>, sse_vertical},
       {"plain", plain_horizontal, one_by_one<plain_horizontal>, plain_vertical}}};
  static const std::size_t kSkip = [] -> std::size_t {
    if (__builtin_cpu_supports("avx2")) {
      return 0;
    }
    return __builtin_cpu_supports("sse4.1") ? 1 : 2;
  }();
  return std::span<const ResizeKernels>(kAll).subspan(kSkip);
#elifdef __aarch64__
  static constexpr std::array<ResizeKernels, 2> kAll = {
      {{"neon", neon_horizontal, one_by_one<neon_horizontal>, neon_vertical},
       {"plain", plain_horizontal, one_by_one<plain_horizontal>, plain_vertical}}};
  return kAll;
#else
  static constexpr std::array<ResizeKernels, 1> kAll = {
      {{"plain", plain_horizontal, one_by_one<plain_horizontal>, plain_vertical}}};
  return kAll;
#endif
}

void resize_pixel(const ResizeAxis& axis, const std::uint8_t* row, std::int32_t output,
                  std::uint8_t* out) {
  const auto x = static_cast<std::size_t>(output);
  const std::int16_t* weights = axis.weights_of(output);
  const std::uint8_t* in = row + static_cast<std::size_t>(axis.start[x]) * kPixelBytes;
  std::array<std::int32_t, 3> sum{};
  for (std::size_t i = 0; std::cmp_less(i, axis.length[x]); ++i, in += kPixelBytes) {
    const std::int32_t k = ResizeAxis::weight(weights, i);
    sum[0] += in[0] * k;
    sum[1] += in[1] * k;
    sum[2] += in[2] * k;
  }
  out[0] = to_byte(sum[0]);
  out[1] = to_byte(sum[1]);
  out[2] = to_byte(sum[2]);
}

void resize_bytes(const std::uint8_t* const* rows, std::size_t count, const std::int16_t* weights,
                  std::size_t first, std::size_t size, std::uint8_t* out) {
  for (std::size_t at = first; at < size; ++at) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += rows[i][at] * ResizeAxis::weight(weights, i);
    }
    out[at] = to_byte(sum);
  }
}

}  // namespace gantry::image
