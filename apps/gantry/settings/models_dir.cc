#include "settings/models_dir.h"

#include <cstdlib>

namespace gantry::cli {
namespace {

std::filesystem::path absolute_variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread yet
  const std::filesystem::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : std::filesystem::path();
}

}  // namespace

void add_models_dir_to(Options& options, std::filesystem::path& models_dir) {
  options.path("models-dir", "DIR", models_dir,
               "where pulled models are [~/.local/share/gantry/models]");
}

Result<std::filesystem::path> models_dir_or_default(const std::filesystem::path& models_dir) {
  if (!models_dir.empty()) {
    return models_dir;
  }
  if (const auto data = absolute_variable("XDG_DATA_HOME"); !data.empty()) {
    return data / "gantry/models";
  }
  if (const auto home = absolute_variable("HOME"); !home.empty()) {
    return home / ".local/share/gantry/models";
  }
  return fail(Code::failed_precondition, "neither XDG_DATA_HOME nor HOME says where models are");
}

}  // namespace gantry::cli
