#include "target.h"

#include <algorithm>

#include "ascii.h"
#include "gantry/base/text.h"

namespace gantry::http {
namespace {

int hex_value(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::unexpected<Error> bad_escape(std::string_view target) {
  return fail(Code::invalid_argument,
              "request target " + in_quotes(target) +
                  ": every % must begin an escape such as %20, and none may stand for NUL");
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) {
        return std::nullopt;
      }
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) {
        return std::nullopt;
      }
      c = static_cast<char>((high << 4) | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    decoded.push_back(c);
  }
  return decoded;
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || is_alpha(c) || c == '.' || c == '_' || c == '-';
  });
}

Result<Target> parse_target(std::string_view method, std::string_view target) {
  if (method == "CONNECT" || (method == "OPTIONS" && target == "*")) {
    return Target{std::string(target), {}};
  }
  std::string_view rest = target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (starts_with_ignoring_case(rest, scheme)) {
      rest.remove_prefix(scheme.size());
      rest.remove_prefix(std::min(rest.find_first_of("/?"), rest.size()));
      break;
    }
  }
  const bool is_absolute = rest.size() != target.size();
  if ((!rest.starts_with('/') && !is_absolute) || target.contains('#')) {
    return fail(Code::invalid_argument, "request target " + in_quotes(target) +
                                            ": want a path such as /infer, without a fragment");
  }

  Target parsed;
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  auto path = percent_decode(rest.substr(0, mark), false);
  if (!path) {
    return bad_escape(target);
  }
  parsed.path = path->empty() ? "/" : *std::move(path);
  for (rest.remove_prefix(std::min(mark + 1, rest.size())); !rest.empty();) {
    const std::string_view entry = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (entry.empty()) {
      continue;
    }
    const std::size_t equals = std::min(entry.find('='), entry.size());
    auto name = percent_decode(entry.substr(0, equals), true);
    auto value = percent_decode(entry.substr(std::min(equals + 1, entry.size())), true);
    if (!name || !value) {
      return bad_escape(target);
    }
    parsed.query.emplace_back(*std::move(name), *std::move(value));
  }
  return parsed;
}

}  // namespace gantry::http
