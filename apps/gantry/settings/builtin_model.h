#pragma once

#include <filesystem>
#include <string_view>

namespace gantry::cli {

/// The name of the model that comes with the program, for people and in answers.
inline constexpr std::string_view builtin_name = "builtin";

/// The folder share/gantry/builtin beside the program's bin/; it holds models/builtin of the
/// repository. Empty if it does not exist.
[[nodiscard]] std::filesystem::path builtin_folder();

/// The model file in that folder, whether it exists or not.
[[nodiscard]] std::filesystem::path builtin_model(const std::filesystem::path& folder);
/// A sample picture in that folder, or empty.
[[nodiscard]] std::filesystem::path builtin_sample(const std::filesystem::path& folder);

}  // namespace gantry::cli
