#pragma once

#include <cstdint>
#include <vector>

namespace gantry::image {

/// An RGB picture: [height, width, 3] bytes, rows packed, top row first.
struct Image {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::vector<std::uint8_t> rgb;
};

}  // namespace gantry::image
