#include "header_value.h"

#include <algorithm>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::api {
namespace {

constexpr std::size_t max_parameters = 16;

std::unexpected<Error> malformed(std::string_view text, std::string_view why) {
  return fail(Code::invalid_argument, format_text("{}: {}", in_quotes(text), why));
}

/// Takes a quoted string off the front of `rest`, which begins with a quote. Empty if it does not
/// end.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string out;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
    }
    out += rest[i];
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> HeaderValue::parameter(std::string_view name) const {
  const auto found =
      std::ranges::find(parameters, name, [](const auto& parameter) { return parameter.first; });
  return found == parameters.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

Result<HeaderValue> parse_header_value(std::string_view text) {
  HeaderValue header;
  std::string_view rest = text;
  header.value = lower_case(trimmed(rest.substr(0, rest.find(';'))));
  if (header.value.empty()) {
    return malformed(text, "it begins with no value");
  }
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  while (!rest.empty()) {
    rest = trimmed(rest.substr(1));  // the semicolon
    if (rest.empty() || rest.front() == ';') {
      continue;  // an empty parameter says nothing
    }
    const std::size_t equals = rest.find_first_of("=;\"");
    if (equals == std::string_view::npos || rest[equals] != '=' || equals == 0) {
      return malformed(text, "want parameters as name=value");
    }
    std::string name = lower_case(trimmed(rest.substr(0, equals)));
    rest = trimmed(rest.substr(equals + 1));
    std::string value;
    if (rest.starts_with('"')) {
      auto taken = take_quoted(rest);
      if (!taken) {
        return malformed(text, "a quote is never closed");
      }
      value = *std::move(taken);
      rest = trimmed(rest);
      if (!rest.empty() && rest.front() != ';') {
        return malformed(text, "something follows a quoted parameter");
      }
    } else {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      value = trimmed(rest.substr(0, end));
      rest.remove_prefix(end);
    }
    if (header.parameter(name)) {
      return malformed(text, format_text("parameter {} stands there twice", in_quotes(name)));
    }
    if (header.parameters.size() == max_parameters) {
      return malformed(text, format_text("more than {} parameters", max_parameters));
    }
    header.parameters.emplace_back(std::move(name), std::move(value));
  }
  return header;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace gantry::api
