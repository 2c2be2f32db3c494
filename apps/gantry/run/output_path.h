#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace gantry::cli {

/// Where the output for input `index` (from 0) of `count` goes when the user said `wanted`: to
/// `wanted` itself for a single input; below it, named after the input, where `wanted` is a folder
/// or ends with a slash; else beside it as `NAME-<index + 1>.EXT`. `extension` is used for files in
/// a folder.
[[nodiscard]] std::filesystem::path output_path(const std::filesystem::path& wanted,
                                                std::string_view input, std::size_t index,
                                                std::size_t count, std::string_view extension);

}  // namespace gantry::cli
