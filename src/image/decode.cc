#include "gantry/image/decode.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "codec.h"
#include "orientation.h"

namespace gantry::image {
namespace {

Format detect(Bytes bytes) noexcept {
  const auto has = [&](std::string_view magic) { return starts_with(bytes, magic); };
  if (has("\xff\xd8\xff")) {
    return Format::jpeg;
  }
  if (has("\x89PNG\r\n\x1a\n")) {
    return Format::png;
  }
  if (has("RIFF") && starts_with(tail(bytes, 8), "WEBP")) {
    return Format::webp;
  }
  if (has("GIF87a") || has("GIF89a")) {
    return Format::gif;
  }
  if (has("BM")) {
    return Format::bmp;
  }
  if (has({"II*\0", 4}) || has({"MM\0*", 4}) || has({"II+\0", 4}) || has({"MM\0+", 4})) {
    return Format::tiff;
  }
  if (bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
      (std::strchr(" \t\n\r\v\f", bytes[2]) != nullptr && bytes[2] != 0)) {
    return Format::pnm;
  }
  if (has({"\0\0\1\0", 4})) {
    return Format::ico;
  }
  return looks_like_tga(bytes) ? Format::tga : Format::unknown;
}

Result<Decoded> decode_as(Format format, Bytes bytes, const DecodeLimits& limits) {
  switch (format) {
    case Format::jpeg:
      return decode_jpeg(bytes, limits);
    case Format::png:
      return decode_png(bytes, limits);
    case Format::webp:
      return decode_webp(bytes, limits);
    case Format::gif:
      return decode_gif(bytes, limits);
    case Format::bmp:
      return decode_bmp(bytes, limits);
    case Format::tiff:
      return decode_tiff(bytes, limits);
    case Format::pnm:
      return decode_pnm(bytes, limits);
    case Format::tga:
      return decode_tga(bytes, limits);
    case Format::ico:
      return decode_ico(bytes, limits);
    case Format::unknown:
      break;
  }
  if (bytes.empty()) {
    return fail(Code::invalid_argument, "image: want the bytes of a picture, found none");
  }
  return fail(Code::unimplemented,
              "image: want JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, TGA or ICO, found bytes of no "
              "known format");
}

}  // namespace

std::string_view format_name(Format format) noexcept {
  switch (format) {
    case Format::jpeg:
      return "JPEG";
    case Format::png:
      return "PNG";
    case Format::webp:
      return "WebP";
    case Format::gif:
      return "GIF";
    case Format::bmp:
      return "BMP";
    case Format::tiff:
      return "TIFF";
    case Format::pnm:
      return "PNM";
    case Format::tga:
      return "TGA";
    case Format::ico:
      return "ICO";
    case Format::unknown:
      break;
  }
  return "unknown";
}

Format detect_format(std::span<const std::byte> bytes) noexcept { return detect(as_bytes(bytes)); }

Result<Image> decode(std::span<const std::byte> bytes, const DecodeOptions& options) {
  auto decoded = decode_as(detect_format(bytes), as_bytes(bytes), options.limits);
  if (!decoded) {
    return std::unexpected(std::move(decoded.error()));
  }
  if (options.apply_orientation) {
    orient(decoded->image, decoded->orientation);
  }
  return std::move(decoded->image);
}

std::unexpected<Error> damaged(Format format, std::string_view reason) {
  return fail(Code::invalid_argument, std::string(format_name(format)).append(": ").append(reason));
}

std::unexpected<Error> unsupported(Format format, std::string_view wanted, std::string_view found) {
  return fail(Code::unimplemented, std::string(format_name(format))
                                       .append(": want ")
                                       .append(wanted)
                                       .append(", found ")
                                       .append(found));
}

Result<> check_size(Format format, std::int64_t width, std::int64_t height,
                    const DecodeLimits& limits) {
  const auto found = [&] {
    return ", found " + std::to_string(width) + "x" + std::to_string(height);
  };
  if (width <= 0 || height <= 0) {
    return damaged(format, "want at least 1x1 pixels" + found());
  }
  const std::string name(format_name(format));
  if (std::max(width, height) > limits.max_side) {
    return fail(Code::out_of_range, name + ": want sides of at most " +
                                        std::to_string(limits.max_side) + " pixels" + found());
  }
  if (width > limits.max_pixels / height) {
    return fail(Code::out_of_range,
                name + ": want at most " + std::to_string(limits.max_pixels) + " pixels" + found());
  }
  return {};
}

Image make_image(std::int64_t width, std::int64_t height) {
  Image image{static_cast<std::int32_t>(width), static_cast<std::int32_t>(height), {}};
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return image;
}

bool starts_with(Bytes bytes, std::string_view prefix) noexcept {
  return bytes.size() >= prefix.size() &&
         std::memcmp(bytes.data(), prefix.data(), prefix.size()) == 0;
}

}  // namespace gantry::image
