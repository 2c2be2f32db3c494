#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace gantry::api {

/// Appends `text` as a JSON string; invalid UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text);

/// Appends the shortest decimal that reads back as `value`, always with a fraction or an exponent,
/// so that typed readers always see the same type: 171.0. A value that is exact in float32 is
/// written with the digits that float32 needs: 0.1. NaN and infinity become null.
void append_number(std::string& out, double value);

/// Appends `value` rounded to `decimals` decimals.
void append_rounded(std::string& out, double value, int decimals);

template <std::integral T>
void append_integer(std::string& out, T value) {
  out += std::to_string(value);
}

}  // namespace gantry::api
