#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace gantry::cli {

/// The output path for input `index` (from 0) of `count`, if the user named `wanted`. If `wanted`
/// is a folder or ends with a slash: a file in it, named after the input, with `extension`. Else
/// for a single input: `wanted` itself. Else: beside it, `NAME-<index + 1>.EXT`.
[[nodiscard]] std::filesystem::path output_path(const std::filesystem::path& wanted,
                                                std::string_view input, std::size_t index,
                                                std::size_t count, std::string_view extension);

}  // namespace gantry::cli
