#include "gantry/cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "gantry/base/format.h"

namespace gantry::cli {
Terminal Terminal::of(int fd) {
  // NOLINTBEGIN(concurrency-mt-unsafe): read before any thread starts or changes the environment
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  // NOLINTEND(concurrency-mt-unsafe)
  const bool moving = isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
  return {.moving = moving, .colour = moving && (no_color == nullptr || *no_color == '\0')};
}

std::string styled(Terminal terminal, Style style, std::string_view text) {
  if (!terminal.colour) {
    return std::string(text);
  }
  constexpr std::array codes = {"1", "2", "1;31", "32", "33"};
  return format_text("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(style)], text);
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  bool escape = false;
  for (const char c : text) {
    if (c == '\x1b') {
      escape = true;
    } else if (escape) {
      escape = c != 'm';
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80) {
      ++count;
    }
  }
  return count;
}

std::string bar(double fraction, std::size_t width) {
  constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  fraction = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const auto filled =
      static_cast<std::size_t>(std::lround(fraction * static_cast<double>(width) * 8));
  std::string out;
  for (std::size_t i = 0; i < filled / 8; ++i) {
    out += "█";
  }
  out += eighths[filled % 8];
  out.append(width - ((filled + 7) / 8), ' ');
  return out;
}

std::string Table::text() const {
  std::vector<std::size_t> widths(align_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - columns(row[i]), ' ');
      line += "  ";
      line += align_[i] == Align::right ? gap + row[i] : row[i] + gap;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line;
    out += '\n';
  }
  return out;
}

Progress::Progress(std::string what)
    : terminal_(Terminal::of(STDERR_FILENO)), what_(std::move(what)) {}

void Progress::show(double fraction, std::string_view note) {
  const Clock::time_point now = Clock::now();
  if (!terminal_.moving || now < next_) {
    return;
  }
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  print_text(stderr, "\r\x1b[K{} {}│ {:3.0f} % {}", what_, bar(fraction, 30), fraction * 100, note);
  std::fflush(stderr);
}

void Progress::clear() {
  if (shown_) {
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
    shown_ = false;
  }
}

// Not print_line(), which throws: if stderr takes nothing, there is nobody to tell that to.
void print_error(std::string_view command, std::string_view message, std::string_view next_step) {
  const Terminal terminal = Terminal::of(STDERR_FILENO);
  std::string text = format_text("gantry{}{}: {} {}\n", command.empty() ? "" : " ", command,
                                 styled(terminal, Style::red, "error:"), message);
  if (!next_step.empty()) {
    text += format_text("  {}\n", next_step);
  }
  std::fputs(text.c_str(), stderr);
}

void print_warning(std::string_view command, std::string_view message) {
  const Terminal terminal = Terminal::of(STDERR_FILENO);
  const std::string text = format_text("gantry {}: {} {}\n", command,
                                       styled(terminal, Style::yellow, "warning:"), message);
  std::fputs(text.c_str(), stderr);
}

}  // namespace gantry::cli
