#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::api {

/// A header's value of the form `value; name=parameter; name="quoted parameter"`: Content-Type and
/// Content-Disposition.
struct HeaderValue {
  std::string value;  ///< in lower case: "multipart/form-data"
  std::vector<std::pair<std::string, std::string>>
      parameters;  ///< names in lower case, values unquoted

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Reads a header's value. A parameter without quotes may hold anything but a semicolon, since real
/// clients send such boundaries.
/// Errors: invalid_argument for an empty value, a parameter without a name, a repeated parameter,
///         an open quote, more than 16 parameters.
/// Source: RFC 9110, section 5.6.6.
[[nodiscard]] Result<HeaderValue> parse_header_value(std::string_view text);

/// ASCII letters in lower case, everything else as it is.
[[nodiscard]] std::string lower_case(std::string_view text);
/// `text` without the spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace gantry::api
