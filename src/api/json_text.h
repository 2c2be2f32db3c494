#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace gantry::api {

/// Appends `text` as a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text);

/// Appends the shortest decimal that reads back as `value`, always with a fraction or an exponent,
/// so that readers with types see one type: 171.0. What is exact in float32 is written as float32
/// needs it: 0.1. NaN and infinity have no JSON: null.
void append_number(std::string& out, double value);

/// The same, rounded to so many decimals.
void append_rounded(std::string& out, double value, int decimals);

template <std::integral T>
void append_integer(std::string& out, T value) {
  out += std::to_string(value);
}

}  // namespace gantry::api
