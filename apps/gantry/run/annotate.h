#pragma once

#include <filesystem>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/image/image.h"
#include "gantry/inference/types.h"

namespace gantry::cli {

/// Draws what was found into the picture it was found in: a frame and a label for each box, or the
/// best classes in a corner. Sizes follow the picture's. `picture` must have the size that the
/// response names.
void annotate(image::Image& picture, const inference::Response& response);

/// Columns and rows that `text` takes when drawn at `scale` pixels a dot.
struct TextSize {
  std::int32_t width, height;
};
[[nodiscard]] TextSize text_size(std::string_view text, std::int32_t scale);

struct Colour {
  std::uint8_t red, green, blue;
};
/// Draws a line of text with its top left corner at (x, y), smooth at the edges; cut at the
/// picture's border. ASCII as it is, everything else as '?'.
void draw_text(image::Image& picture, std::int32_t x, std::int32_t y, std::string_view text,
               std::int32_t scale, Colour colour);

}  // namespace gantry::cli
