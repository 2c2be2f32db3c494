#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace gantry {

/// What the caller can do about a failure. Names and numbers are those of google/rpc/code.proto, so
/// that the edges need not map a second vocabulary. New codes come from there, too.
enum class Code : std::uint8_t {
  cancelled = 1,            ///< Nobody waits for the answer any more.
  invalid_argument = 3,     ///< Wrong in every state of ours: do not retry.
  deadline_exceeded = 4,    ///< The caller's time ran out.
  not_found = 5,            ///< No such model, version or file.
  resource_exhausted = 8,   ///< A queue is full: retry later.
  failed_precondition = 9,  ///< A right request, but the wrong state or kind of model for it.
  out_of_range = 11,        ///< Larger than a limit allows: bytes, pixels, sides.
  unimplemented = 12,       ///< A format or operation that this build does not know.
  internal = 13,            ///< Our bug.
  unavailable = 14,         ///< Device or runtime failed: retry, perhaps elsewhere.
};

/// The code's name as google/rpc/code.proto spells it, in lower case ("invalid_argument").
[[nodiscard]] std::string_view code_name(Code code) noexcept;

/// The code with this number, to read codes from foreign bytes; empty if there is none.
[[nodiscard]] std::optional<Code> code_from(std::uint8_t number) noexcept;

/// A failure. `message` names the thing, what was wanted and what was found, for a person.
struct [[nodiscard]] Error {
  Code code;
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// What the system says of an `errno`: "No such file or directory".
[[nodiscard]] std::string errno_text(int number);

/// Shorthand for `return std::unexpected(Error{…})`.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace gantry
