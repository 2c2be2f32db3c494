#include "gantry/log/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "gantry/base/text.h"

namespace gantry::log {
namespace {

constexpr const char* text_pattern = "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v";

// The one global of the project: a log is the same for the whole process.
struct State {
  std::atomic<Level> level = Level::info;
  std::atomic<Format> format = Format::text;
  std::shared_ptr<spdlog::logger> logger = make();

  static std::shared_ptr<spdlog::logger> make() {
    auto logger = std::make_shared<spdlog::logger>(
        "gantry", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_level(spdlog::level::trace);
    logger->set_pattern(text_pattern);
    return logger;
  }
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::err;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
    case Level::off:
      return "off";
  }
  return "error";
}

/// Appends `text` as a JSON string. Source: RFC 8259, section 7.
void append_json(std::string& out, std::string_view text) {
  if (!is_utf8(text)) {
    // in_quotes() replaces what is no UTF-8; its own escapes are escaped once more, which keeps
    // them readable.
    append_json(out, in_quotes(text, text.size()));
    return;
  }
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      constexpr std::string_view hex = "0123456789abcdef";
      out += "\\u00";
      out += hex[byte >> 4U];
      out += hex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

struct AppendValue {
  std::string* out;
  Format format;

  void operator()(std::string_view text) const {
    const bool plain = format == Format::text && !text.empty() &&
                       text.find_first_of(" \"\\=") == std::string_view::npos && is_printable(text);
    if (plain) {
      *out += text;
    } else if (format == Format::text) {
      constexpr std::size_t longest = 400;
      *out += in_quotes(text, longest);
    } else {
      append_json(*out, text);
    }
  }
  void operator()(std::int64_t number) const { append_number(*out, number); }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      append_number(*out, number);
    } else {
      *out += "null";
    }
  }
  void operator()(bool flag) const { *out += flag ? "true" : "false"; }

  static bool is_printable(std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        return false;
      }
    }
    return is_utf8(text);
  }
};

std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  std::array<char, 40> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string json_line(Level level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line = R"({"time":")" + utc_now() + R"(","level":")";
  line += level_name(level);
  line += R"(","message":)";
  append_json(line, message);
  for (const auto& [key, value] : fields) {
    line += ',';
    append_json(line, key);
    line += ':';
    std::visit(AppendValue{.out = &line, .format = Format::json}, value);
  }
  line += '}';
  return line;
}

std::string text_line(std::string_view message, std::initializer_list<Field> fields) {
  std::string line(message);
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    std::visit(AppendValue{.out = &line, .format = Format::text}, value);
  }
  return line;
}

}  // namespace

void configure(Level level, Format format) {
  auto& current = state();
  current.level = level;
  current.format = format;
  current.logger->set_pattern(format == Format::json ? "%v" : text_pattern);
}

Result<Level> parse_level(std::string_view name) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error, Level::off}) {
    if (name == level_name(level)) {
      return level;
    }
  }
  return fail(Code::invalid_argument,
              "log level: want debug, info, warning, error or off, found " + in_quotes(name));
}

bool enabled(Level level) noexcept {
  return level != Level::off &&
         std::to_underlying(level) >= std::to_underlying(state().level.load());
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) noexcept {
  try {
    if (!enabled(level)) {
      return;
    }
    auto& current = state();
    const std::string line = current.format == Format::json ? json_line(level, message, fields)
                                                            : text_line(message, fields);
    current.logger->log(native(level), spdlog::string_view_t(line));
  } catch (...) {
    // Out of memory or stderr gone: a program must not die of its log.
    std::fputs("gantry: a log line was lost\n", stderr);
  }
}

}  // namespace gantry::log
