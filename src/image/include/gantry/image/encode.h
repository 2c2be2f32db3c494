#pragma once

#include <cstddef>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/image/image.h"

namespace gantry::image {

/// PNG bytes of a picture, for annotated output.
/// Errors:  invalid_argument for an empty picture or one whose bytes don't fit its size.
/// Threads: reentrant.
[[nodiscard]] Result<std::vector<std::byte>> encode_png(const Image& image);

}  // namespace gantry::image
