#include "gantry/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "gantry/base/format.h"

namespace gantry {
namespace {

template <class T>
std::optional<T> parse_all(std::string_view text) {
  T value{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || rest != end) {
    return std::nullopt;
  }
  return value;
}

/// Bytes of the UTF-8 sequence at the front of `text`, 0 if it is not one (overlong forms,
/// surrogates and code points above U+10FFFF are none). Source: RFC 3629, section 4.
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

std::optional<std::int64_t> parse_int(std::string_view text) {
  return parse_all<std::int64_t>(text);
}

std::optional<double> parse_double(std::string_view text) {
  const auto value = parse_all<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string in_quotes(std::string_view text, std::size_t max_bytes) {
  std::string out = "\"";
  std::size_t taken = 0;
  while (taken < text.size()) {
    const std::string_view rest = text.substr(taken);
    const std::size_t length = utf8_length(rest);
    if (taken + (length == 0 ? 1 : length) > max_bytes) {
      out += "…";
      break;
    }
    if (length == 0) {
      out += "\uFFFD";
      ++taken;
      continue;
    }
    const char c = rest[0];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)) {
      out += format_text("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += rest.substr(0, length);
    }
    taken += length;
  }
  out += '"';
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    // U+0080 to U+009F are control characters as well; some terminals obey them.
    const bool control =
        first < 0x20 || first == 0x7F ||
        (first == 0xC2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (length == 0 || control) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string percent(double share) { return format_text("{:.1f} %", share * 100); }

double four_decimals(double value) { return std::round(value * 10'000) / 10'000; }

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array units{"KB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) {
    return format_text("{} bytes", bytes);
  }
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  value /= 1000.0;
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000.0;
    ++unit;
  }
  return format_text("{:.1f} {}", value, units.at(unit));
}

}  // namespace gantry
