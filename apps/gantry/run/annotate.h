#pragma once

#include <filesystem>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/image/image.h"
#include "gantry/inference/types.h"

namespace gantry::cli {

/// Draws a response into its picture: a frame and a label for each box, or the best classes in a
/// corner. The sizes follow the picture's size. `picture` must have the size that the response
/// names.
void annotate(image::Image& picture, const inference::Response& response);

/// The pixels that `text` takes when it is drawn at `scale` pixels per dot.
struct TextSize {
  std::int32_t width, height;
};
[[nodiscard]] TextSize text_size(std::string_view text, std::int32_t scale);

struct Colour {
  std::uint8_t red, green, blue;
};
/// Draws a line of text with its top left corner at (x, y), smooth at the edges, cut at the
/// picture's border. Characters outside of ASCII are drawn as '?'.
void draw_text(image::Image& picture, std::int32_t x, std::int32_t y, std::string_view text,
               std::int32_t scale, Colour colour);

}  // namespace gantry::cli
