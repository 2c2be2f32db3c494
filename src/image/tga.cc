#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "codec.h"
#include "orientation.h"

namespace gantry::image {
namespace {

constexpr std::size_t kHeader = 18;
enum class Kind : std::uint8_t { indexed = 1, true_color = 2, grey = 3 };
constexpr std::uint8_t kRunLength = 8;  // flag beside the kind

using Rgb = std::array<std::uint8_t, 3>;

struct TgaHeader {
  Kind kind = Kind::true_color;
  bool run_length = false;
  std::size_t id_size = 0;
  std::size_t palette_first = 0;
  std::size_t palette_count = 0;
  std::size_t palette_bits = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::size_t bits = 0;
  bool right_to_left = false;
  bool top_down = false;
  bool has_palette = false;
};

TgaHeader read_header(Bytes b) {
  TgaHeader h;
  h.id_size = b[0];
  h.has_palette = b[1] == 1;
  h.kind = static_cast<Kind>(b[2] & 7);
  h.run_length = (b[2] & kRunLength) != 0;
  h.palette_first = le16(b, 3);
  h.palette_count = le16(b, 5);
  h.palette_bits = b[7];
  h.width = le16(b, 12);
  h.height = le16(b, 14);
  h.bits = b[16];
  h.right_to_left = (b[17] & 0x10) != 0;
  h.top_down = (b[17] & 0x20) != 0;
  return h;
}

/// Little endian BGR of 2 (5 bits each), 3 or 4 bytes.
Rgb read_color(const std::uint8_t* in, std::size_t size) {
  if (size == 2) {
    const std::uint32_t pixel = le16({in, 2}, 0);
    const auto expand = [&](unsigned shift) {
      return static_cast<std::uint8_t>(((pixel >> shift) & 31) * 255 / 31);
    };
    return {expand(10), expand(5), expand(0)};
  }
  return {in[2], in[1], in[0]};
}

class PixelReader {
 public:
  /// `palette` holds 256 colours for an indexed picture.
  PixelReader(const TgaHeader& header, std::vector<Rgb> palette)
      : kind_(header.kind), palette_(std::move(palette)), size_(header.bits / 8) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Rgb operator()(const std::uint8_t* in) const {
    switch (kind_) {
      case Kind::indexed:
        return palette_[*in];
      case Kind::grey:
        return {*in, *in, *in};  // the second byte of two is alpha
      default:
        return read_color(in, size_);
    }
  }

 private:
  Kind kind_;
  std::vector<Rgb> palette_;
  std::size_t size_;
};

std::unexpected<Error> truncated() {
  return damaged(Format::tga, "truncated: want more pixels, found the file's end");
}

/// Pixels in file order. A packet may run over the end of a row.
Result<> read_runs(const PixelReader& pixel, Bytes in, Image& image) {
  std::uint8_t* out = image.rgb.data();
  std::size_t left = image.rgb.size() / 3;
  while (left > 0) {
    if (in.empty()) {
      return truncated();
    }
    const std::size_t count = std::min((in[0] & 0x7FU) + std::size_t{1}, left);
    const bool repeated = (in[0] & 0x80) != 0;
    in = in.subspan(1);
    const std::size_t size = repeated ? pixel.size() : pixel.size() * count;
    if (in.size() < size) {
      return truncated();
    }
    for (std::size_t i = 0; i < count; ++i, out += 3) {
      std::memcpy(out, pixel(in.data() + (repeated ? 0 : i * pixel.size())).data(), 3);
    }
    in = in.subspan(size);
    left -= count;
  }
  return {};
}

}  // namespace

// Strict, since nothing else tells a TGA from any other bytes.
bool looks_like_tga(Bytes b) noexcept {
  if (b.size() < kHeader || b[1] > 1 || (b[2] & ~kRunLength) < 1 || (b[2] & ~kRunLength) > 3 ||
      (b[17] & 0xC0) != 0) {
    return false;
  }
  const TgaHeader h = read_header(b);
  if (h.width == 0 || h.height == 0) {
    return false;
  }
  const bool palette_ok =
      h.has_palette ? h.palette_count > 0 &&
                          (h.palette_bits == 16 || h.palette_bits == 24 || h.palette_bits == 32)
                    : h.kind != Kind::indexed;
  switch (h.kind) {
    case Kind::indexed:
      return palette_ok && h.bits == 8;
    case Kind::grey:
      return palette_ok && (h.bits == 8 || h.bits == 16);
    default:
      return palette_ok && (h.bits == 16 || h.bits == 24 || h.bits == 32);
  }
}

Result<Decoded> decode_tga(Bytes bytes, const DecodeLimits& limits) {
  const TgaHeader header = read_header(bytes);
  if (auto fits = check_size(Format::tga, header.width, header.height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  Bytes in = tail(bytes, kHeader + header.id_size);
  std::vector<Rgb> palette(header.kind == Kind::indexed ? 256 : 0);  // beyond the file's: black
  if (header.has_palette) {
    const std::size_t size = header.palette_bits / 8;
    if (in.size() < header.palette_count * size) {
      return damaged(Format::tga, "truncated palette");
    }
    for (std::size_t i = 0; i < header.palette_count; ++i) {
      if (header.palette_first + i < palette.size()) {
        palette[header.palette_first + i] = read_color(&in[i * size], size);
      }
    }
    in = in.subspan(header.palette_count * size);
  }
  const PixelReader pixel(header, std::move(palette));
  const std::size_t pixels =
      static_cast<std::size_t>(header.width) * static_cast<std::size_t>(header.height);
  // A packet has at most 128 pixels: what is too short for that many needs no memory.
  const std::size_t least = header.run_length ? (pixels + 127) / 128 : pixels * pixel.size();
  if (in.size() < least) {
    return truncated();
  }
  Decoded decoded{make_image(header.width, header.height), 1};
  if (header.run_length) {
    if (auto runs = read_runs(pixel, in, decoded.image); !runs) {
      return std::unexpected(runs.error());
    }
  } else {
    for (std::size_t i = 0; i < pixels; ++i) {
      std::memcpy(&decoded.image.rgb[i * 3], pixel(in.data() + i * pixel.size()).data(), 3);
    }
  }
  // TGA's order of rows and columns is EXIF's orientation by another name, but always applied.
  constexpr std::array<std::array<int, 2>, 2> kTurn = {{{4, 3}, {1, 2}}};
  orient(decoded.image, kTurn[header.top_down ? 1 : 0][header.right_to_left ? 1 : 0]);
  return decoded;
}

}  // namespace gantry::image
