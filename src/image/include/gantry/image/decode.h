#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/image/image.h"

namespace gantry::image {

/// The largest picture file that is read from a disk; requests have another bound.
inline constexpr std::size_t max_file_bytes = std::size_t{512} << 20U;

enum class Format : std::uint8_t { jpeg, png, webp, gif, bmp, tiff, pnm, tga, ico, unknown };
/// "JPEG", "PNG", …
[[nodiscard]] std::string_view format_name(Format format) noexcept;
/// The format that the first bytes show; unknown if they fit none.
[[nodiscard]] Format detect_format(std::span<const std::byte> bytes) noexcept;

struct DecodeLimits {
  std::int64_t max_pixels = std::int64_t{64} * 1024 * 1024;  ///< width x height
  std::int32_t max_side = 32768;                             ///< either side, pixels
};

struct DecodeOptions {
  DecodeLimits limits;
  bool apply_orientation = true;  ///< turn the picture upright by EXIF orientation 2 to 8
  /// Only for ScaledDecoder: see there. It changes pixels.
  bool dct_scaling = false;
};

/// Decodes the first picture in `bytes` to RGB as Pillow's `Image.open(…).convert("RGB")` does:
/// alpha dropped, palettes expanded, grey spread, CMYK/YCCK by Pillow's formula; JPEG by
/// libjpeg-turbo's defaults (ISLOW, fancy upsampling). An icon is its largest picture. It differs
/// from Pillow on purpose: a 16-bit sample becomes its high byte; the orientation of EXIF, else of
/// XMP, is applied (unless switched off; 0, and 9 and above, count as 1); truncated files are
/// errors. README.md has the details.
///
/// Errors:  unimplemented for bytes of no known format, or of a variant that is not read (12-bit
///          JPEG, floating-point TIFF, …); invalid_argument for damaged files and for no bytes;
///          out_of_range above a limit, before memory of the picture's size is taken. Messages name
///          the format, what was wanted and what was found, or the decoder's reason.
/// Memory:  O(pixels of the picture) in addition to `bytes`; `limits` bound the picture.
/// Time:    O(size of `bytes` + pixels): a JPEG of more than 64 scans is refused.
/// Threads: reentrant.
[[nodiscard]] Result<Image> decode(std::span<const std::byte> bytes,
                                   const DecodeOptions& options = {});

}  // namespace gantry::image
