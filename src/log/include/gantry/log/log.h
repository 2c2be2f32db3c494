#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "gantry/base/error.h"

namespace gantry::log {

enum class Level : std::uint8_t { debug, info, warning, error, off };
enum class Format : std::uint8_t {
  text,  ///< for people: time, level, message, key=value
  json,  ///< one object a line: {"time":"2026-11-22T18:00:00.123Z","level":"info","message":…,…}
};

/// One named value of a log line.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

/// Sets which lines are written to stderr, and how. main() calls it once before threads start.
/// Before that: info, text.
void configure(Level level, Format format);
[[nodiscard]] Result<Level> parse_level(std::string_view name);

/// Writes one line. Foreign text in fields is escaped; invalid UTF-8 is replaced. Never throws.
/// Threads: thread-safe.
void write(Level level, std::string_view message,
           std::initializer_list<Field> fields = {}) noexcept;
[[nodiscard]] bool enabled(Level level) noexcept;

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::info, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::warning, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) noexcept {
  write(Level::error, message, fields);
}

}  // namespace gantry::log
