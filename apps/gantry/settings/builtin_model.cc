#include "settings/builtin_model.h"

#include <system_error>

namespace gantry::cli {

std::filesystem::path builtin_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return {};
  }
  // canonical(): in a build folder this is a link to the sources.
  const auto folder = std::filesystem::canonical(
      program.parent_path().parent_path() / "share/gantry/builtin", error);
  return error ? std::filesystem::path() : folder;
}

std::filesystem::path builtin_model(const std::filesystem::path& folder) {
  return folder / "classifier.tflite";
}

std::filesystem::path builtin_sample(const std::filesystem::path& folder) {
  const auto sample = folder / "samples/cat.jpg";
  std::error_code error;
  return std::filesystem::exists(sample, error) ? sample : std::filesystem::path();
}

}  // namespace gantry::cli
