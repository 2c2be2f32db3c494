#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec.h"

namespace gantry::image {
namespace {

[[nodiscard]] bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Numbers in decimal between white space and comments.
class Tokens {
 public:
  explicit Tokens(Bytes bytes) : rest_(bytes) {}

  /// Empty at the end and where something else than a number stands.
  [[nodiscard]] std::optional<std::uint32_t> number() {
    skip_space();
    std::uint32_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (digits == 9) {
        return std::nullopt;
      }
      value = value * 10 + (rest_[digits] - '0');
    }
    const bool ends = digits == rest_.size() || is_space(rest_[digits]) || rest_[digits] == '#';
    rest_ = rest_.subspan(digits);
    return digits > 0 && ends ? std::optional(value) : std::nullopt;
  }
  /// A single 0 or 1, which needs no space around it.
  [[nodiscard]] std::optional<bool> bit() {
    skip_space();
    if (rest_.empty() || (rest_[0] != '0' && rest_[0] != '1')) {
      return std::nullopt;
    }
    const bool set = rest_[0] == '1';
    rest_ = rest_.subspan(1);
    return set;
  }
  /// What follows the header: one white-space character, then the samples.
  [[nodiscard]] Bytes binary() const { return tail(rest_, 1); }

 private:
  void skip_space() {
    while (!rest_.empty()) {
      if (rest_[0] == '#') {
        const auto end = std::ranges::find_if(rest_, [](auto c) { return c == '\n' || c == '\r'; });
        rest_ = rest_.subspan(static_cast<std::size_t>(end - rest_.begin()));
      } else if (is_space(rest_[0])) {
        rest_ = rest_.subspan(1);
      } else {
        return;
      }
    }
  }
  Bytes rest_;
};

/// Samples of 0..maxval to 8 bits. Up to 255 as Pillow: scaled, half to even. Above, scaled to 16
/// bits likewise, of which the high byte stays.
class Scale {
 public:
  explicit Scale(std::uint32_t maxval) : table_(std::size_t{maxval} + 1) {
    const double top = maxval < 256 ? 255 : 65535;
    for (std::uint32_t value = 0; value <= maxval; ++value) {
      const auto scaled =
          static_cast<unsigned>(std::nearbyint(value / static_cast<double>(maxval) * top));
      table_[value] = static_cast<std::uint8_t>(maxval < 256 ? scaled : scaled >> 8);
    }
  }
  [[nodiscard]] std::uint8_t operator()(std::size_t value) const {
    return table_[std::min(value, table_.size() - 1)];
  }

 private:
  std::vector<std::uint8_t> table_;
};

void put_grey(std::uint8_t* out, std::uint8_t grey) { std::memset(out, grey, 3); }

struct PnmHeader {
  char kind = '1';
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::uint32_t maxval = 1;

  [[nodiscard]] bool is_plain() const { return kind <= '3'; }
  [[nodiscard]] bool is_bitmap() const { return kind == '1' || kind == '4'; }
  [[nodiscard]] std::size_t channels() const { return kind == '3' || kind == '6' ? 3 : 1; }
};

std::unexpected<Error> truncated(std::uint64_t wanted, std::uint64_t found) {
  return damaged(Format::pnm, "truncated: want " + std::to_string(wanted) +
                                  " bytes of samples, found " + std::to_string(found));
}

Result<> read_plain(const PnmHeader& header, Tokens tokens, Image& image) {
  const auto bad_sample = [] { return damaged(Format::pnm, "truncated or a bad sample"); };
  if (header.is_bitmap()) {
    for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
      const auto black = tokens.bit();
      if (!black) {
        return bad_sample();
      }
      put_grey(&image.rgb[i], *black ? 0 : 255);
    }
    return {};
  }
  const Scale scale(header.maxval);
  const std::size_t channels = header.channels();
  for (std::size_t i = 0; i < image.rgb.size(); i += 3 / channels) {
    const auto value = tokens.number();
    if (!value || *value > header.maxval) {
      return bad_sample();
    }
    if (channels == 1) {
      put_grey(&image.rgb[i], scale(*value));
    } else {
      image.rgb[i] = scale(*value);
    }
  }
  return {};
}

void read_bits(const PnmHeader& header, Bytes in, Image& image) {
  const auto width = static_cast<std::size_t>(header.width);
  const std::size_t stride = (width + 7) / 8;
  for (std::size_t y = 0; std::cmp_less(y, header.height); ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const bool black = ((in[y * stride + x / 8] >> (7 - x % 8)) & 1) != 0;
      put_grey(&image.rgb[(y * width + x) * 3], black ? 0 : 255);
    }
  }
}

void read_samples(const PnmHeader& header, Bytes in, Image& image) {
  const Scale scale(header.maxval);
  const std::size_t size = header.maxval < 256 ? 1 : 2;
  const std::size_t channels = header.channels();
  const std::size_t samples = image.rgb.size() / 3 * channels;
  for (std::size_t i = 0; i < samples; ++i) {
    const std::uint8_t value = scale(size == 1 ? in[i] : be16(in, i * 2));
    if (channels == 1) {
      put_grey(&image.rgb[i * 3], value);
    } else {
      image.rgb[i] = value;
    }
  }
}

}  // namespace

Result<Decoded> decode_pnm(Bytes bytes, const DecodeLimits& limits) {
  Tokens tokens(bytes.subspan(2));
  PnmHeader header;
  header.kind = static_cast<char>(bytes[1]);
  const auto width = tokens.number();
  const auto height = tokens.number();
  const auto maxval = header.is_bitmap() ? std::optional(1U) : tokens.number();
  if (!width || !height || !maxval) {
    return damaged(Format::pnm, "truncated or damaged header");
  }
  header.width = *width;
  header.height = *height;
  header.maxval = *maxval;
  if (header.maxval == 0 || header.maxval > 65535) {
    return damaged(Format::pnm,
                   "want a greatest value of 1 to 65535, found " + std::to_string(*maxval));
  }
  if (auto fits = check_size(Format::pnm, header.width, header.height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  // Before memory is taken: whether as many bytes as the samples need at the least are there.
  const auto columns = static_cast<std::uint64_t>(header.width);
  const auto rows = static_cast<std::uint64_t>(header.height);
  const std::uint64_t sample_bytes = header.is_plain() || header.maxval < 256 ? 1 : 2;
  const std::uint64_t wanted = header.kind == '4'
                                   ? (columns + 7) / 8 * rows
                                   : columns * rows * header.channels() * sample_bytes;
  const Bytes in = tokens.binary();
  if (in.size() < wanted) {
    return truncated(wanted, in.size());
  }
  Decoded decoded{make_image(header.width, header.height), 1};
  if (header.is_plain()) {
    if (auto read = read_plain(header, tokens, decoded.image); !read) {
      return std::unexpected(read.error());
    }
  } else if (header.is_bitmap()) {
    read_bits(header, in, decoded.image);
  } else {
    read_samples(header, in, decoded.image);
  }
  return decoded;
}

}  // namespace gantry::image
