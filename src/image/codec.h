#pragma once

// What the decoders share: their interface, their error messages, and reading of numbers.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/image/decode.h"

namespace gantry::image {

using Bytes = std::span<const std::uint8_t>;

[[nodiscard]] inline Bytes as_bytes(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

/// The result of a format's decoder: the picture as stored, and its orientation.
struct Decoded {
  Image image;
  int orientation = 1;  ///< 1 to 8, as EXIF counts
};

// The decoders, one source file each. Each checks the size against the limits before it takes
// memory of that size.
[[nodiscard]] Result<Decoded> decode_jpeg(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_png(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_webp(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_gif(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_bmp(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_tiff(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_pnm(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_tga(Bytes bytes, const DecodeLimits& limits);
[[nodiscard]] Result<Decoded> decode_ico(Bytes bytes, const DecodeLimits& limits);
/// The bitmap inside an icon: no file header, twice the height (the lower half is a mask).
[[nodiscard]] Result<Decoded> decode_icon_bitmap(Bytes bytes, const DecodeLimits& limits);

/// Whether `bytes` look like a TGA header: TGA has no magic bytes.
[[nodiscard]] bool looks_like_tga(Bytes bytes) noexcept;

/// The file breaks its format's rules.
[[nodiscard]] std::unexpected<Error> damaged(Format format, std::string_view reason);
/// The file is well-formed, but of a variant that is not read.
[[nodiscard]] std::unexpected<Error> unsupported(Format format, std::string_view wanted,
                                                 std::string_view found);
/// Errors: invalid_argument unless both are positive, out_of_range above the limits.
[[nodiscard]] Result<> check_size(Format format, std::int64_t width, std::int64_t height,
                                  const DecodeLimits& limits);
/// A black picture; the size has passed check_size().
[[nodiscard]] Image make_image(std::int64_t width, std::int64_t height);

/// Little and big endian numbers at `offset`; the caller has checked that they are there.
[[nodiscard]] constexpr std::uint32_t le16(Bytes b, std::size_t offset) {
  return static_cast<std::uint32_t>(b[offset] | (b[offset + 1] << 8));
}
[[nodiscard]] constexpr std::uint32_t le32(Bytes b, std::size_t offset) {
  return le16(b, offset) | (le16(b, offset + 2) << 16);
}
[[nodiscard]] constexpr std::uint32_t be16(Bytes b, std::size_t offset) {
  return static_cast<std::uint32_t>((b[offset] << 8) | b[offset + 1]);
}
[[nodiscard]] constexpr std::uint32_t be32(Bytes b, std::size_t offset) {
  return (be16(b, offset) << 16) | be16(b, offset + 2);
}
[[nodiscard]] bool starts_with(Bytes bytes, std::string_view prefix) noexcept;
/// `bytes` from `offset`, empty if that lies behind their end.
[[nodiscard]] constexpr Bytes tail(Bytes bytes, std::size_t offset) {
  return offset < bytes.size() ? bytes.subspan(offset) : Bytes{};
}

/// Pillow's CMYK to RGB; 0 is no ink.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb) {
  const int paper = 255 - cmyk[3];
  for (int c = 0; c < 3; ++c) {
    const int product = cmyk[c] * paper + 128;
    const int ink = ((product >> 8) + product) >> 8;  // product / 255, rounded
    rgb[c] = static_cast<std::uint8_t>(paper - ink);  // never negative: ink <= paper
  }
}

}  // namespace gantry::image
