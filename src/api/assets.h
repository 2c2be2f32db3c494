#pragma once

#include <string_view>

namespace gantry::api {

/// Files of web/, made part of the program by CMake. Both are templates, filled in by
/// descriptions.cc.
extern const std::string_view index_html;
extern const std::string_view openapi_json;

}  // namespace gantry::api
