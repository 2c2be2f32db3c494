#pragma once

#include <filesystem>

#include "gantry/base/error.h"
#include "gantry/cli/options.h"

namespace gantry::cli {

/// Adds --models-dir, GANTRY_MODELS_DIR.
void add_models_dir_to(Options& options, std::filesystem::path& models_dir);

/// `models_dir`; if it is empty, gantry/models below $XDG_DATA_HOME or ~/.local/share.
/// Source: XDG Base Directory Specification (relative values do not count).
/// Errors: failed_precondition if the home folder is unknown.
[[nodiscard]] Result<std::filesystem::path> models_dir_or_default(
    const std::filesystem::path& models_dir);

}  // namespace gantry::cli
