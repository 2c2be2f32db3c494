#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::image {

/// An RGB picture: [height, width, 3] bytes, rows packed, top row first.
struct Image {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::vector<std::uint8_t> rgb;
};

enum class Format : std::uint8_t { jpeg, png, webp, gif, bmp, tiff, pnm, tga, ico, unknown };
/// "JPEG", "PNG", …
[[nodiscard]] std::string_view format_name(Format format) noexcept;
/// The format by the first bytes, never by a name. unknown if none fits.
[[nodiscard]] Format detect_format(std::span<const std::byte> bytes) noexcept;

struct DecodeLimits {
  std::int64_t max_pixels = std::int64_t{64} * 1024 * 1024;  ///< width x height
  std::int32_t max_side = 32768;                             ///< either side, pixels
};

struct DecodeOptions {
  DecodeLimits limits;
  bool apply_orientation = true;  ///< turn the picture upright by EXIF orientation 2 to 8
};

/// Decodes the first picture in `bytes` to RGB as Pillow's `Image.open(…).convert("RGB")` does:
/// alpha dropped, palettes expanded, grey spread, CMYK/YCCK by Pillow's formula; JPEG by
/// libjpeg-turbo's defaults (ISLOW, fancy upsampling). Differs on purpose: a 16-bit sample becomes
/// its high byte, EXIF orientation is applied (unless switched off), truncated files are errors.
///
/// Errors:  unimplemented for bytes of no known format; invalid_argument for damaged files, naming
///          the format and the decoder's reason; out_of_range above a limit, before any memory of
///          the picture's size is taken.
/// Memory:  O(pixels of the picture), the picture bounded by `limits`.
/// Threads: reentrant.
[[nodiscard]] Result<Image> decode(std::span<const std::byte> bytes,
                                   const DecodeOptions& options = {});

/// Scales `source` to width x height, bit for bit as Pillow's
/// `Image.resize((width, height), Image.Resampling.BILINEAR)` on RGB: triangle filter widened when
/// shrinking, 8-bit fixed-point coefficients of 22 fractional bits, horizontal then vertical pass,
/// each rounded to 8 bits. Source: Pillow 12 src/libImaging/Resample.c.
///
/// Shapes:  out is [height, width, 3] bytes.
/// Errors:  invalid_argument for an empty source, a non-positive size or a span of another size.
/// Threads: thread-bound: a Resizer keeps its scratch memory and coefficients from call to call, so
///          that repeated calls with the same sizes allocate nothing.
class Resizer {
 public:
  [[nodiscard]] Result<> bilinear(const Image& source, std::int32_t width, std::int32_t height,
                                  std::span<std::uint8_t> out);

 private:
  struct Axis {
    std::int32_t in = 0;
    std::int32_t out = 0;
    std::int32_t taps = 0;                   ///< coefficients per output sample
    std::vector<std::int32_t> start;         ///< [out] first source sample
    std::vector<std::int32_t> length;        ///< [out] number of source samples
    std::vector<std::int32_t> coefficients;  ///< [out * taps], 22 fractional bits
  };
  static void prepare(Axis& axis, std::int32_t in, std::int32_t out);
  Axis horizontal_;
  Axis vertical_;
  std::vector<std::uint8_t> rows_;
};

/// PNG bytes of a picture, for annotated output.
[[nodiscard]] Result<std::vector<std::byte>> encode_png(const Image& image);

}  // namespace gantry::image
