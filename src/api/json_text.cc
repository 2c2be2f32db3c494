#include "json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace gantry::api {
namespace {

/// Can it stand between quotes as it is?
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

template <class T>
void append_shortest(std::string& out, T value) {
  // Ordinary magnitudes without an exponent; others would be hundreds of digits.
  const T magnitude = std::abs(value);
  const bool is_ordinary = magnitude == 0 || (magnitude >= T(1e-6) && magnitude < T(1e15));
  std::array<char, 64> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value,
                    is_ordinary ? std::chars_format::fixed : std::chars_format::scientific);
  const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) {
    out += ".0";
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  using nlohmann::json;
  out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // Beyond float's range the conversion is undefined.
  constexpr double float_max = std::numeric_limits<float>::max();
  if (std::abs(value) <= float_max && double{static_cast<float>(value)} == value) {
    append_shortest(out, static_cast<float>(value));
  } else {
    append_shortest(out, value);
  }
}

void append_rounded(std::string& out, double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  const double rounded = std::round(value * scale) / scale;
  if (std::isfinite(rounded)) {
    append_shortest(out, rounded);
  } else {
    append_number(out, value);
  }
}

}  // namespace gantry::api
