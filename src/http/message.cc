#include "gantry/http/message.h"

#include <algorithm>
#include <ranges>

#include "ascii.h"

namespace gantry::http {

std::optional<std::string_view> Request::header(std::string_view name) const {
  const auto found = std::ranges::find_if(
      headers, [name](const auto& header) { return equals_ignoring_case(header.first, name); });
  if (found == headers.end()) {
    return std::nullopt;
  }
  return found->second;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  const auto last_first = query | std::views::reverse;
  const auto found =
      std::ranges::find_if(last_first, [name](const auto& entry) { return entry.first == name; });
  if (found == last_first.end()) {
    return std::nullopt;
  }
  return found->second;
}

}  // namespace gantry::http
