#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gantry::image {

/// The filter along one axis: which source samples make an output sample, and with what weights. A
/// weight is the coefficient in units of 2^-22, 0 to 2^22, kept as `high * 2^11 + low` for the
/// vector units' 16-bit multiply-add. Sums are exact in 32 bits (modulo 2^32 on the way), so every
/// order of adding gives the same bytes.
struct ResizeAxis {
  static constexpr int kFractionBits = 22;
  static constexpr int kLowBits = 11;
  /// Weights come in groups: low[kGroup], then high[kGroup]; the last group of an output is filled
  /// up with weights of 0.
  static constexpr std::size_t kGroup = 4;

  std::int32_t in = 0;
  std::int32_t out = 0;
  bool mirrored = false;
  std::int32_t max_length = 0;        ///< the greatest of `length`
  std::size_t groups = 0;             ///< for each output: room for max_length weights
  std::vector<std::int32_t> start;    ///< [out] first source sample
  std::vector<std::int32_t> length;   ///< [out] number of source samples
  std::vector<std::int16_t> weights;  ///< [out][groups][2][kGroup]

  /// Makes the weights; does nothing if they fit already. With `mirrored_source` the source runs
  /// backwards: output 0 comes from the last source samples.
  void prepare(std::int32_t in_size, std::int32_t out_size, bool mirrored_source = false);

  [[nodiscard]] const std::int16_t* weights_of(std::int32_t output) const {
    return weights.data() + static_cast<std::size_t>(output) * groups * 2 * kGroup;
  }
  [[nodiscard]] static std::int32_t weight(const std::int16_t* of_output, std::size_t tap) {
    const std::int16_t* group = of_output + tap / kGroup * 2 * kGroup + tap % kGroup;
    return (group[kGroup] << kLowBits) + group[0];
  }
};

/// The inner loops for one instruction set. All sets give the same bytes.
struct ResizeKernels {
  /// Rows that horizontal_rows() takes at once. Two, since the sums of four rows leave AVX2 no
  /// registers: a picture of 12 megapixels takes 7.5 ms with two rows, 9.3 with four and 11.1 with
  /// one (2026-11-26, EPYC, busy).
  static constexpr std::int32_t kRows = 2;

  const char* name;
  /// One row of axis.in RGB pixels to axis.out; `readable` bytes may be read from `row` on, at
  /// least axis.in * 3. `out` has axis.out * 3 bytes.
  void (*horizontal)(const ResizeAxis& axis, const std::uint8_t* row, std::size_t readable,
                     std::uint8_t* out);
  /// horizontal() for kRows rows at once, which share the work of preparing weights. `readable`
  /// holds for each row.
  void (*horizontal_rows)(const ResizeAxis& axis, const std::uint8_t* const* rows,
                          std::size_t readable, std::uint8_t* const* out);
  /// One output row of `size` bytes from `count` source rows; rows[count] may be read as well.
  void (*vertical)(const std::uint8_t* const* rows, std::size_t count, const std::int16_t* weights,
                   std::size_t size, std::uint8_t* out);
};

/// The kernels that this processor can run, the fastest first, the plain loops last.
[[nodiscard]] std::span<const ResizeKernels> resize_kernels();

// The plain loops, which also serve the edges that vectors can't reach. resize_pixel() makes one
// output pixel, resize_bytes() the bytes of an output row from `first` on.
void resize_pixel(const ResizeAxis& axis, const std::uint8_t* row, std::int32_t output,
                  std::uint8_t* out);
void resize_bytes(const std::uint8_t* const* rows, std::size_t count, const std::int16_t* weights,
                  std::size_t first, std::size_t size, std::uint8_t* out);

}  // namespace gantry::image
