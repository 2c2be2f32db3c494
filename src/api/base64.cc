#include "base64.h"

#include <array>
#include <cstdint>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::api {
namespace {

constexpr std::uint8_t blank = 0x40;
constexpr std::uint8_t padding = 0x41;
constexpr std::uint8_t foreign = 0x80;

/// What each byte means: its six bits, or one of the three above.
constexpr auto meanings = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(foreign);
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  for (const char c : {' ', '\t', '\r', '\n'}) {
    table[static_cast<unsigned char>(c)] = blank;
  }
  table['='] = padding;
  return table;
}();

std::uint32_t meaning(char c) { return meanings[static_cast<unsigned char>(c)]; }

/// Four letters, as gathered.
class Quad {
 public:
  void add(std::uint32_t six_bits) {
    bits_ = bits_ << 6U | six_bits;
    ++letters_;
  }
  [[nodiscard]] unsigned letters() const { return letters_; }
  [[nodiscard]] std::uint32_t bits() const { return bits_; }
  void clear() { *this = Quad(); }

 private:
  std::uint32_t bits_ = 0;
  unsigned letters_ = 0;
};

std::unexpected<Error> unexpected_at(std::string_view text, std::size_t at) {
  return fail(Code::invalid_argument,
              format_text("not base64: {} at byte {}", in_quotes(text.substr(at, 1)), at));
}

}  // namespace

Result<std::size_t> decode_base64(std::string_view text, std::span<std::byte> out) {
  std::size_t written = 0;
  const auto put = [&](std::uint32_t byte) { out[written++] = static_cast<std::byte>(byte); };
  Quad quad;
  std::size_t at = 0;
  while (at < text.size()) {
    if (quad.letters() == 0) {
      // The usual case, four letters at a time. They are read before the bytes are written: `out`
      // may be `text`.
      while (at + 4 <= text.size()) {
        const std::uint32_t a = meaning(text[at]);
        const std::uint32_t b = meaning(text[at + 1]);
        const std::uint32_t c = meaning(text[at + 2]);
        const std::uint32_t d = meaning(text[at + 3]);
        if ((a | b | c | d) >= blank) {
          break;
        }
        put(a << 2U | b >> 4U);
        put((b & 0xFU) << 4U | c >> 2U);
        put((c & 3U) << 6U | d);
        at += 4;
      }
      if (at == text.size()) {
        break;
      }
    }
    const std::uint32_t value = meaning(text[at]);
    if (value == padding) {
      break;
    }
    if (value == foreign) {
      return unexpected_at(text, at);
    }
    ++at;
    if (value == blank) {
      continue;
    }
    quad.add(value);
    if (quad.letters() == 4) {
      put(quad.bits() >> 16U);
      put(quad.bits() >> 8U & 0xFFU);
      put(quad.bits() & 0xFFU);
      quad.clear();
    }
  }

  unsigned pads = 0;
  for (; at < text.size(); ++at) {
    const std::uint32_t value = meaning(text[at]);
    if (value == padding && quad.letters() >= 2 && quad.letters() + pads < 4) {
      ++pads;
    } else if (value != blank) {
      return unexpected_at(text, at);
    }
  }
  if (quad.letters() == 0) {
    return written;
  }
  if (quad.letters() + pads != 4) {
    return fail(Code::invalid_argument,
                "base64 is cut short: want groups of four letters or padding");
  }
  const unsigned unused_bits = quad.letters() == 3 ? 2 : 4;
  if ((quad.bits() & ((1U << unused_bits) - 1)) != 0) {
    return fail(Code::invalid_argument,
                "not base64: the last letter has bits that belong to nothing");
  }
  if (quad.letters() == 3) {
    put(quad.bits() >> 10U);
    put(quad.bits() >> 2U & 0xFFU);
  } else {
    put(quad.bits() >> 4U);
  }
  return written;
}

}  // namespace gantry::api
