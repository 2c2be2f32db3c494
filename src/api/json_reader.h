#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::api {

/// One value of a JSON document.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, object, array };
  Kind kind = Kind::null;
  /// For a string: the text between its quotes, with its escapes. For objects and arrays: empty.
  /// For other values: the value's own text.
  std::string_view text;

  /// For messages: `null`, `-1.5`, `"text"` cut to a few letters, `an object`, `an array`.
  [[nodiscard]] std::string description() const;
};

/// Reads one JSON document whose outermost value is an object, and calls `member` with each of its
/// members, in order; objects and arrays inside are checked and skipped. Only the members' names
/// are copied: a picture of megabytes is not.
///
/// Errors:  invalid_argument naming byte, wanted and found if the text is not JSON (RFC 8259; a
///          byte order mark in front is allowed), is not an object, or nests deeper than 64; the
///          errors of `member`.
/// Time:    linear. Nothing recurses.
/// Threads: reentrant.
[[nodiscard]] Result<> read_json_object(
    std::string_view text,
    const std::function<Result<>(std::string_view name, const JsonValue& value)>& member);

/// The text of a string with its escapes resolved. `raw` must come from a JsonValue.
[[nodiscard]] std::string unescaped(std::string_view raw);
/// Resolves the escapes in place. Returns the new size.
[[nodiscard]] std::size_t unescape(char* raw, std::size_t size);

}  // namespace gantry::api
