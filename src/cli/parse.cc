#include "gantry/cli/parse.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

/// Number and unit of "1.5 M"; empty if the front is no non-negative number.
struct Quantity {
  double number;
  std::string_view unit;
};
std::optional<Quantity> split_quantity(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_double(text.substr(0, digits));
  if (!number) {
    return std::nullopt;
  }
  std::string_view unit = text.substr(digits);
  if (unit.starts_with(' ')) {
    unit.remove_prefix(1);
  }
  return Quantity{*number, unit};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::optional<double> scaled(std::string_view text, std::span<const Unit> units) {
  const auto quantity = split_quantity(text);
  if (!quantity) {
    return std::nullopt;
  }
  const std::string unit = lower(quantity->unit);
  const auto found = std::ranges::find(units, unit, &Unit::name);
  return found == units.end() ? std::nullopt : std::optional(quantity->number * found->factor);
}

std::vector<std::string_view> split_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) {
      part.remove_prefix(1);
    }
    while (part.ends_with(' ')) {
      part.remove_suffix(1);
    }
    parts.push_back(part);
    if (comma == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(comma + 1);
  }
}

constexpr double kibi = 1024;
constexpr double mebi = 1024 * kibi;
constexpr double gibi = 1024 * mebi;
constexpr std::array size_units = {Unit{"", 1},      Unit{"b", 1},      Unit{"k", kibi},
                                   Unit{"kb", kibi}, Unit{"kib", kibi}, Unit{"m", mebi},
                                   Unit{"mb", mebi}, Unit{"mib", mebi}, Unit{"g", gibi},
                                   Unit{"gb", gibi}, Unit{"gib", gibi}};
constexpr std::array count_units = {Unit{"", 1}, Unit{"k", 1e3}, Unit{"m", 1e6}, Unit{"g", 1e9}};
constexpr std::array duration_units = {Unit{"", 1e9},   Unit{"ns", 1},     Unit{"us", 1e3},
                                       Unit{"µs", 1e3}, Unit{"ms", 1e6},   Unit{"s", 1e9},
                                       Unit{"m", 60e9}, Unit{"min", 60e9}, Unit{"h", 3600e9}};

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = scaled(text, size_units);
  // 2^53: up to there a double holds every whole number of bytes.
  if (!bytes || *bytes > 9007199254740992.0) {
    return fail(Code::invalid_argument,
                format_text("want a size such as 500K, 32M or 2G, got {}", in_quotes(text)));
  }
  return static_cast<std::uint64_t>(std::llround(*bytes));
}

Result<std::int64_t> parse_count(std::string_view text) {
  const auto count = scaled(text, count_units);
  if (!count || *count > 9007199254740992.0) {
    return fail(Code::invalid_argument,
                format_text("want a number such as 500, 64K or 50M, got {}", in_quotes(text)));
  }
  return std::llround(*count);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto ns = scaled(text, duration_units);
  constexpr double year_ns = 365.0 * 24 * 3600 * 1e9;
  if (!ns || *ns > year_ns) {
    return fail(Code::invalid_argument,
                format_text("want a time such as 500ms, 10s or 2m, got {}", in_quotes(text)));
  }
  return std::chrono::nanoseconds(std::llround(*ns));
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto wrong = [&] {
    return fail(
        Code::invalid_argument,
        format_text("want ADDRESS:PORT such as 127.0.0.1:8080, 0.0.0.0:80 or [::1]:8080, got {}",
                    in_quotes(text)));
  };
  std::string host;
  std::string_view port_text;
  bool bracketed = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find("]:");
    if (close == std::string_view::npos) {
      return wrong();
    }
    host = text.substr(1, close - 1);
    port_text = text.substr(close + 2);
    bracketed = true;
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
      return wrong();  // no port, or an IPv6 address without its brackets
    }
    host = text.substr(0, colon);
    port_text = text.substr(colon + 1);
    if (host.empty() || host == "*") {
      host = "0.0.0.0";
    } else if (host == "localhost") {
      host = "127.0.0.1";
    }
  }
  const auto port = parse_int(port_text);
  if (!port || *port < 0 || *port > 65535) {
    return wrong();
  }
  in6_addr ignored{};
  if (inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), &ignored) != 1) {
    return wrong();
  }
  return ListenAddress{.address = std::move(host), .port = static_cast<std::uint16_t>(*port)};
}

std::string url_of(const ListenAddress& where) {
  if (where.address == "0.0.0.0" || where.address == "::") {
    return format_text("http://localhost:{}", where.port);
  }
  return where.address.contains(':') ? format_text("http://[{}]:{}", where.address, where.port)
                                     : format_text("http://{}:{}", where.address, where.port);
}

Result<std::vector<std::int64_t>> parse_int_list(std::string_view text, std::int64_t least,
                                                 std::int64_t most) {
  std::vector<std::int64_t> numbers;
  for (const std::string_view part : split_commas(text)) {
    const auto number = parse_int(part);
    if (!number || *number < least || *number > most) {
      return fail(
          Code::invalid_argument,
          format_text("want numbers from {} to {} with commas between, such as 1,2,3; got {}",
                      least, most, in_quotes(text)));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<float>> parse_float_list(std::string_view text) {
  std::vector<float> numbers;
  for (const std::string_view part : split_commas(text)) {
    const auto number = parse_double(part);
    if (!number || std::abs(*number) > std::numeric_limits<float>::max()) {
      return fail(Code::invalid_argument,
                  format_text("want one number, or one a channel with commas between, such as "
                              "127.5 or 123.7,116.3,103.5; got {}",
                              in_quotes(text)));
    }
    numbers.push_back(static_cast<float>(*number));
  }
  return numbers;
}

Result<bool> parse_switch(std::string_view text) {
  const std::string word = lower(text);
  for (const std::string_view yes : {"1", "true", "yes", "on"}) {
    if (word == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"0", "false", "no", "off"}) {
    if (word == no) {
      return false;
    }
  }
  return fail(Code::invalid_argument, format_text("want true or false, got {}", in_quotes(text)));
}

}  // namespace gantry::cli
