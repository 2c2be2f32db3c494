#pragma once

#include <filesystem>

#include "gantry/base/error.h"
#include "gantry/cli/options.h"

namespace gantry::cli {

/// --models-dir, GANTRY_MODELS_DIR.
void add_models_dir_to(Options& options, std::filesystem::path& models_dir);

/// `models_dir`; where that is empty, gantry/models below $XDG_DATA_HOME or ~/.local/share.
/// Source: XDG Base Directory Specification (relative values do not count).
/// Errors: failed_precondition if nothing says where home is.
[[nodiscard]] Result<std::filesystem::path> models_dir_or_default(
    const std::filesystem::path& models_dir);

}  // namespace gantry::cli
