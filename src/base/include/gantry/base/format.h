#pragma once

#include <cstdio>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace gantry {

/// std::format, print and println under our own names. The format string is checked at compile
/// time, as with std's functions. But the code that formats is compiled once, in format.cc: with
/// std's functions, each source file that calls one compiles it again, which takes five seconds.
template <class... Args>
[[nodiscard]] std::string format_text(std::format_string<Args...> text, Args&&... args);
/// To stdout, or to `file`; a write that fails throws std::system_error.
template <class... Args>
void print_text(std::format_string<Args...> text, Args&&... args);
template <class... Args>
void print_text(std::FILE* file, std::format_string<Args...> text, Args&&... args);
/// print_text() with a line feed at the end.
template <class... Args>
void print_line(std::format_string<Args...> text, Args&&... args);
template <class... Args>
void print_line(std::FILE* file, std::format_string<Args...> text, Args&&... args);

/// The functions above without the types of their arguments.
[[nodiscard]] std::string format_arguments(std::string_view text, std::format_args args);
void print_arguments(std::FILE* file, std::string_view text, std::format_args args);
void print_line_of_arguments(std::FILE* file, std::string_view text, std::format_args args);

// NOLINTBEGIN(cppcoreguidelines-missing-std-forward): std::make_format_args takes references
template <class... Args>
std::string format_text(std::format_string<Args...> text, Args&&... args) {
  return format_arguments(text.get(), std::make_format_args(args...));
}

template <class... Args>
void print_text(std::format_string<Args...> text, Args&&... args) {
  print_arguments(stdout, text.get(), std::make_format_args(args...));
}

template <class... Args>
void print_text(std::FILE* file, std::format_string<Args...> text, Args&&... args) {
  print_arguments(file, text.get(), std::make_format_args(args...));
}

template <class... Args>
void print_line(std::format_string<Args...> text, Args&&... args) {
  print_line_of_arguments(stdout, text.get(), std::make_format_args(args...));
}

template <class... Args>
void print_line(std::FILE* file, std::format_string<Args...> text, Args&&... args) {
  print_line_of_arguments(file, text.get(), std::make_format_args(args...));
}
// NOLINTEND(cppcoreguidelines-missing-std-forward)

}  // namespace gantry
