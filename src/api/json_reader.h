#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::api {

/// One value, where it begins.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, object, array };
  Kind kind = Kind::null;
  /// Of a string what stands between its quotes, escapes and all; of objects and arrays nothing; of
  /// others the value itself.
  std::string_view text;

  /// For messages: `null`, `-1.5`, `"text"` cut to a few letters, `an object`, `an array`.
  [[nodiscard]] std::string description() const;
};

/// Reads one JSON document whose outermost value is an object, and calls `member` with each of its
/// members, in order; objects and arrays inside are checked and passed over. Beside the members'
/// names nothing is copied: a picture of megabytes stays where it is.
///
/// Errors:  invalid_argument naming byte, wanted and found where the text is not JSON (RFC 8259; a
///          byte order mark in front is allowed), is not an object, or nests deeper than 64; what
///          `member` returns.
/// Time:    linear. Nothing recurses.
/// Threads: reentrant.
[[nodiscard]] Result<> read_json_object(
    std::string_view text,
    const std::function<Result<>(std::string_view name, const JsonValue& value)>& member);

/// The text of a string: its escapes resolved. `raw` has to come from a JsonValue.
[[nodiscard]] std::string unescaped(std::string_view raw);
/// The same in its own memory; returns the new size.
[[nodiscard]] std::size_t unescape(char* raw, std::size_t size);

}  // namespace gantry::api
