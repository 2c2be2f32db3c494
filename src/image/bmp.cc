#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "codec.h"

namespace gantry::image {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::uint32_t kRaw = 0;
constexpr std::uint32_t kRle8 = 1;
constexpr std::uint32_t kRle4 = 2;
constexpr std::uint32_t kBitFields = 3;

struct Mask {
  std::uint32_t bits = 0;
  int shift = 0;
  std::uint32_t max = 0;

  [[nodiscard]] std::uint8_t pick(std::uint32_t pixel) const {
    if (max == 0) {
      return 0;
    }
    // Truncated, not rounded, as Pillow expands 5 and 6 bits.
    return static_cast<std::uint8_t>(((pixel & bits) >> shift) * 255ULL / max);
  }
};

struct BmpHeader {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;
  std::uint32_t compression = kRaw;
  std::array<Mask, 3> masks{};                             ///< red, green, blue; for 16 and 32 bits
  std::array<std::array<std::uint8_t, 3>, 256> palette{};  ///< beyond the file's: black
  std::size_t pixels_at = 0;                               ///< offset of the first row
};

Result<Mask> make_mask(std::uint32_t bits) {
  Mask mask{bits, 0, 0};
  if (bits != 0) {
    mask.shift = std::countr_zero(bits);
    mask.max = bits >> mask.shift;
    if ((mask.max & (mask.max + 1)) != 0) {
      return unsupported(Format::bmp, "colour masks of adjacent bits", std::to_string(bits));
    }
  }
  return mask;
}

Result<> set_masks(BmpHeader& header, std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
  const std::array<std::uint32_t, 3> all = {red, green, blue};
  for (std::size_t c = 0; c < 3; ++c) {
    auto mask = make_mask(all[c]);
    if (!mask) {
      return std::unexpected(mask.error());
    }
    header.masks[c] = *mask;
  }
  return {};
}

// Reads the header of `file` at `start`; `pixels_at` is 0 where no file header says it.
Result<BmpHeader> read_header(Bytes file, std::size_t start, std::size_t pixels_at) {
  const Bytes info = tail(file, start);
  if (info.size() < 4) {
    return damaged(Format::bmp, "truncated header");
  }
  const std::size_t size = le32(info, 0);
  if (size != 12 && size != 40 && size != 52 && size != 56 && size != 64 && size != 108 &&
      size != 124) {
    return damaged(Format::bmp, "want a header of 12, 40, 52, 56, 64, 108 or 124 bytes, found " +
                                    std::to_string(size));
  }
  if (info.size() < size) {
    return damaged(Format::bmp, "truncated header");
  }
  BmpHeader header;
  std::uint64_t colors = 0;
  std::size_t color_size = 4;
  if (size == 12) {
    header.width = le16(info, 4);
    header.height = le16(info, 6);
    header.bits = le16(info, 10);
    color_size = 3;
  } else {
    header.width = static_cast<std::int32_t>(le32(info, 4));
    header.height = static_cast<std::int32_t>(le32(info, 8));
    header.top_down = header.height < 0;
    header.height = header.top_down ? -header.height : header.height;
    header.bits = le16(info, 14);
    header.compression = le32(info, 16);
    colors = le32(info, 32);
  }
  if (header.compression > kBitFields) {
    return unsupported(Format::bmp, "compression 0 to 3", std::to_string(header.compression));
  }
  std::size_t next = start + size;  // where the palette is
  Result<> masks;
  switch (header.bits) {
    case 1:
    case 4:
    case 8:
    case 24:
      break;
    case 16:
      masks = set_masks(header, 0x7C00, 0x03E0, 0x001F);
      break;
    case 32:
      masks = set_masks(header, 0xFF0000, 0xFF00, 0xFF);
      break;
    default:
      return damaged(Format::bmp, "want 1, 4, 8, 16, 24 or 32 bits a pixel, found " +
                                      std::to_string(header.bits));
  }
  const bool is_rle = header.compression == kRle8 || header.compression == kRle4;
  if (is_rle && header.bits != (header.compression == kRle8 ? 8U : 4U)) {
    return damaged(Format::bmp, "run-length coding does not go with " +
                                    std::to_string(header.bits) + " bits a pixel");
  }
  if (header.compression == kBitFields) {
    if (header.bits != 16 && header.bits != 24 && header.bits != 32) {
      return damaged(Format::bmp, "colour masks want 16, 24 or 32 bits a pixel, found " +
                                      std::to_string(header.bits));
    }
    if (size == 40) {
      next += 12;  // three masks between header and pixels
    }
    if (tail(file, start + 40).size() < 12) {
      return damaged(Format::bmp, "truncated header");
    }
    const std::uint32_t red = le32(info, 40);
    const std::uint32_t green = le32(info, 44);
    const std::uint32_t blue = le32(info, 48);
    if (header.bits == 24 && (red != 0xFF0000 || green != 0xFF00 || blue != 0xFF)) {
      return unsupported(Format::bmp, "24-bit pixels in the order blue, green, red", "other masks");
    }
    if ((red | green | blue) != 0) {
      masks = set_masks(header, red, green, blue);
    }
  }
  if (!masks) {
    return std::unexpected(masks.error());
  }
  if (header.bits <= 8) {
    if (colors == 0) {
      colors = 1ULL << header.bits;
    }
    if (colors > 65536) {
      return damaged(Format::bmp, "want at most 65536 colours, found " + std::to_string(colors));
    }
    const Bytes palette = tail(file, next);
    const std::size_t there =
        std::min({std::size_t{256}, static_cast<std::size_t>(colors), palette.size() / color_size});
    for (std::size_t i = 0; i < there; ++i) {
      const std::uint8_t* bgr = &palette[i * color_size];
      header.palette[i] = {bgr[2], bgr[1], bgr[0]};
    }
    const std::size_t behind = next + static_cast<std::size_t>(colors) * color_size;
    // Some files point at their palette where they should point behind it.
    header.pixels_at = pixels_at == 0 || pixels_at == start + size ? behind : pixels_at;
  } else {
    header.pixels_at = pixels_at == 0 ? next : pixels_at;
  }
  return header;
}

/// Row `y` as the file counts: from the bottom, unless it says otherwise.
std::uint8_t* row_of(const BmpHeader& header, Image& image, std::int64_t y) {
  const std::int64_t from_top = header.top_down ? y : header.height - 1 - y;
  return image.rgb.data() + static_cast<std::size_t>(from_top * header.width) * 3;
}

void read_row(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const auto width = static_cast<std::size_t>(header.width);
  switch (header.bits) {
    case 8:
      for (std::size_t x = 0; x < width; ++x) {
        std::memcpy(out + x * 3, header.palette[in[x]].data(), 3);
      }
      return;
    case 24:
      for (std::size_t x = 0; x < width; ++x) {
        out[x * 3] = in[x * 3 + 2];
        out[x * 3 + 1] = in[x * 3 + 1];
        out[x * 3 + 2] = in[x * 3];
      }
      return;
    case 16:
    case 32: {
      const std::size_t size = header.bits / 8;
      for (std::size_t x = 0; x < width; ++x) {
        const Bytes raw(in + x * size, size);
        const std::uint32_t pixel = size == 2 ? le16(raw, 0) : le32(raw, 0);
        for (std::size_t c = 0; c < 3; ++c) {
          out[x * 3 + c] = header.masks[c].pick(pixel);
        }
      }
      return;
    }
    default: {  // 1 and 4 bits, the leftmost pixel in the highest bits
      const std::size_t per_byte = 8 / header.bits;
      const unsigned mask = (1U << header.bits) - 1;
      for (std::size_t x = 0; x < width; ++x) {
        const std::size_t shift = 8 - header.bits * (x % per_byte + 1);
        std::memcpy(out + x * 3, header.palette[(in[x / per_byte] >> shift) & mask].data(), 3);
      }
      return;
    }
  }
}

// Pixels that no run reaches keep index 0; runs are cut at the end of their row.
Result<> read_runs(const BmpHeader& header, Bytes in, Image& image) {
  const bool four_bits = header.compression == kRle4;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    std::memcpy(&image.rgb[i], header.palette[0].data(), 3);
  }
  std::int64_t x = 0;
  std::int64_t y = 0;
  const auto put = [&](std::uint8_t index) {
    if (x < header.width) {
      std::memcpy(row_of(header, image, y) + x * 3, header.palette[index].data(), 3);
      ++x;
    }
  };
  const auto nibble = [](std::uint8_t byte, unsigned i) {
    return static_cast<std::uint8_t>(i % 2 == 0 ? byte >> 4 : byte & 15);
  };
  while (y < header.height) {
    if (in.size() < 2) {
      return damaged(Format::bmp, "truncated: want more runs, found the file's end");
    }
    const unsigned count = in[0];
    const std::uint8_t value = in[1];
    in = in.subspan(2);
    if (count > 0) {  // a run of one byte
      for (unsigned i = 0; i < count; ++i) {
        put(four_bits ? nibble(value, i) : value);
      }
    } else if (value == 0) {  // end of row
      x = 0;
      ++y;
    } else if (value == 1) {  // end of picture
      return {};
    } else if (value == 2) {  // skip right and up
      if (in.size() < 2) {
        return damaged(Format::bmp, "truncated: want more runs, found the file's end");
      }
      x = std::min(x + in[0], header.width);
      y += in[1];
      in = in.subspan(2);
    } else {  // `value` pixels as they are, padded to whole 16-bit words
      const std::size_t size = four_bits ? (value + 1U) / 2 : value;
      if (in.size() < size) {
        return damaged(Format::bmp, "truncated: want more pixels, found the file's end");
      }
      for (unsigned i = 0; i < value; ++i) {
        put(four_bits ? nibble(in[i / 2], i) : in[i]);
      }
      in = tail(in, size + size % 2);
    }
  }
  return {};
}

Result<Decoded> read_pixels(const BmpHeader& header, Bytes file) {
  Decoded decoded{make_image(header.width, header.height), 1};
  const Bytes in = tail(file, header.pixels_at);
  if (header.compression == kRle8 || header.compression == kRle4) {
    if (auto runs = read_runs(header, in, decoded.image); !runs) {
      return std::unexpected(runs.error());
    }
    return decoded;
  }
  const auto row_bits = static_cast<std::size_t>(header.width) * header.bits;
  const std::size_t stride = (row_bits + 31) / 32 * 4;
  for (std::int64_t y = 0; y < header.height; ++y) {
    // The padding of the last row is often missing.
    const std::size_t at = static_cast<std::size_t>(y) * stride;
    read_row(header, in.data() + at, row_of(header, decoded.image, y));
  }
  return decoded;
}

// Before memory is taken: whether the pixels of an uncompressed picture are there.
Result<> check_data(const BmpHeader& header, Bytes file) {
  if (header.compression == kRle8 || header.compression == kRle4) {
    return {};
  }
  const auto row_bits = static_cast<std::uint64_t>(header.width) * header.bits;
  const std::uint64_t stride = (row_bits + 31) / 32 * 4;
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(header.height - 1) * stride + (row_bits + 7) / 8;
  const std::size_t found = tail(file, header.pixels_at).size();
  if (found < wanted) {
    return damaged(Format::bmp, "truncated: want " + std::to_string(wanted) +
                                    " bytes of pixels, found " + std::to_string(found));
  }
  return {};
}

Result<Decoded> decode_checked(const BmpHeader& header, Bytes file, const DecodeLimits& limits) {
  if (auto fits = check_size(Format::bmp, header.width, header.height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  if (auto whole = check_data(header, file); !whole) {
    return std::unexpected(whole.error());
  }
  return read_pixels(header, file);
}

}  // namespace

Result<Decoded> decode_bmp(Bytes bytes, const DecodeLimits& limits) {
  if (bytes.size() < kFileHeader) {
    return damaged(Format::bmp, "truncated header");
  }
  const auto header = read_header(bytes, kFileHeader, le32(bytes, 10));
  if (!header) {
    return std::unexpected(header.error());
  }
  return decode_checked(*header, bytes, limits);
}

Result<Decoded> decode_icon_bitmap(Bytes bytes, const DecodeLimits& limits) {
  auto header = read_header(bytes, 0, 0);
  if (!header) {
    return std::unexpected(header.error());
  }
  header->height /= 2;
  return decode_checked(*header, bytes, limits);
}

}  // namespace gantry::image
