#pragma once

#include <string_view>

namespace gantry::zoo {

/// models/zoo.toml, made part of the program by CMake.
extern const std::string_view builtin_manifest;

}  // namespace gantry::zoo
