#include "run/output_path.h"

#include <system_error>

#include "gantry/base/format.h"

namespace gantry::cli {

std::filesystem::path output_path(const std::filesystem::path& wanted, std::string_view input,
                                  std::size_t index, std::size_t count,
                                  std::string_view extension) {
  std::error_code ignored;
  if (!wanted.has_filename() || std::filesystem::is_directory(wanted, ignored)) {
    std::string stem = input == "-" ? "stdin" : std::filesystem::path(input).stem().string();
    if (count > 1) {
      stem = format_text("{}-{}", index + 1, stem);  // two folders may hold pictures of one name
    }
    return wanted / (stem + std::string(extension));
  }
  if (count <= 1) {
    return wanted;
  }
  return wanted.parent_path() /
         format_text("{}-{}{}", wanted.stem().string(), index + 1, wanted.extension().string());
}

}  // namespace gantry::cli
