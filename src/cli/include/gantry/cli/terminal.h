#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"

// Output for people: columns, bars and colour. Colour and progress are for terminals only.
namespace gantry::cli {

/// What a descriptor can show: a moving line and colours on a terminal; no colours with NO_COLOR.
struct Terminal {
  bool moving = false;
  bool colour = false;
  [[nodiscard]] static Terminal of(int fd);
};

enum class Style : std::uint8_t { bold, dim, red, green, yellow };
/// `text` in `style` if `terminal` has colours, else unchanged.
[[nodiscard]] std::string styled(Terminal terminal, Style style, std::string_view text);

/// The columns that `text` takes: its code points, without styles.
[[nodiscard]] std::size_t columns(std::string_view text);

/// A bar of `width` columns, `fraction` of it filled.
[[nodiscard]] std::string bar(double fraction, std::size_t width);

/// Rows with aligned columns.
class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  explicit Table(std::vector<Align> align) : align_(std::move(align)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// Two blanks before each row and between columns, none at the end of a line.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Align> align_;
  std::vector<std::vector<std::string>> rows_;
};

/// A progress line on stderr; nothing if stderr is not a terminal.
/// Threads: thread-bound.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `fraction` in [0, 1]; redraws at most ten times a second.
  void show(double fraction, std::string_view note = {});
  /// Removes the line, so that other output begins in column one.
  void clear();

 private:
  Terminal terminal_;
  std::string what_;
  Clock::time_point next_;
  bool shown_ = false;
};

/// Writes "gantry COMMAND: error: message" to stderr, and below it `next_step`, if it is not empty.
/// An empty `command` is left out.
void print_error(std::string_view command, std::string_view message,
                 std::string_view next_step = {});
void print_warning(std::string_view command, std::string_view message);

}  // namespace gantry::cli
