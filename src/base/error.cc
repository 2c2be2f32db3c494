#include "gantry/base/error.h"

#include <system_error>

namespace gantry {

std::string_view code_name(Code code) noexcept {
  switch (code) {
    case Code::cancelled:
      return "cancelled";
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::deadline_exceeded:
      return "deadline_exceeded";
    case Code::not_found:
      return "not_found";
    case Code::resource_exhausted:
      return "resource_exhausted";
    case Code::failed_precondition:
      return "failed_precondition";
    case Code::out_of_range:
      return "out_of_range";
    case Code::unimplemented:
      return "unimplemented";
    case Code::internal:
      return "internal";
    case Code::unavailable:
      return "unavailable";
  }
  return "unknown";
}

std::optional<Code> code_from(std::uint8_t number) noexcept {
  // NOLINTBEGIN(clang-analyzer-optin.core.EnumCastOutOfRange): what is none of them has no name
  const Code code{number};
  return code_name(code) == code_name(Code{0}) ? std::nullopt : std::optional(code);
  // NOLINTEND(clang-analyzer-optin.core.EnumCastOutOfRange)
}

std::string errno_text(int number) { return std::generic_category().message(number); }

}  // namespace gantry
