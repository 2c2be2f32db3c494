#pragma once

#include <cstddef>

namespace gantry::image {

/// Bytes of a pixel of RGB samples.
inline constexpr std::size_t kPixelBytes = 3;

}  // namespace gantry::image
