#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gantry {

/// Parses all of `text` as a decimal number: no spaces, no plus sign, no suffix. Empty if other
/// characters are left or the number does not fit. Floats: finite values only.
[[nodiscard]] std::optional<std::int64_t> parse_int(std::string_view text);
[[nodiscard]] std::optional<double> parse_double(std::string_view text);

/// `text` in double quotes, for foreign text in a message or a log line: cut to `max_bytes`, with
/// control characters and invalid UTF-8 replaced.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t max_bytes = 80);

/// `text` fit for one line of a terminal: control characters and broken UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

/// Whether all of `text` is well-formed UTF-8. Source: RFC 3629, section 4.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// "12.3 %" for a share of 0.123: for people.
[[nodiscard]] std::string percent(double share);

/// `value` rounded to four decimals: for numbers in JSON that people read too.
[[nodiscard]] double four_decimals(double value);

/// "4.3 MB": for people.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace gantry
