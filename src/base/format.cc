#include "gantry/base/format.h"

#include <print>

namespace gantry {

std::string format_arguments(std::string_view text, std::format_args args) {
  return std::vformat(text, args);
}

void print_arguments(std::FILE* file, std::string_view text, std::format_args args) {
  std::vprint_unicode(file, text, args);
}

void print_line_of_arguments(std::FILE* file, std::string_view text, std::format_args args) {
  std::string line = std::vformat(text, args);
  line += '\n';
  print_arguments(file, "{}", std::make_format_args(line));
}

}  // namespace gantry
