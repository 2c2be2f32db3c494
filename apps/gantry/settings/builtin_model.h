#pragma once

#include <filesystem>
#include <string_view>

namespace gantry::cli {

/// How the model that comes with the program is named, by people and in answers.
inline constexpr std::string_view builtin_name = "builtin";

/// The folder share/gantry/builtin beside the program's own bin/: models/builtin of the repository.
/// Empty if it is not there.
[[nodiscard]] std::filesystem::path builtin_folder();

/// The model file in it; whether it exists or not.
[[nodiscard]] std::filesystem::path builtin_model(const std::filesystem::path& folder);
/// One of its sample pictures, or empty.
[[nodiscard]] std::filesystem::path builtin_sample(const std::filesystem::path& folder);

}  // namespace gantry::cli
