#include "run/annotate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <ranges>
#include <string>

#include "gantry/base/format.h"
#include "run/font.h"

namespace gantry::cli {
namespace {

/// Colours that are told apart on photos and carry black or white text well; by class.
constexpr std::array palette = {Colour{230, 60, 60},  Colour{50, 160, 70},  Colour{60, 110, 220},
                                Colour{245, 160, 30}, Colour{150, 70, 190}, Colour{20, 160, 170},
                                Colour{230, 90, 160}, Colour{130, 110, 60}};

/// Mixes `colour` into one pixel; outside the picture it does nothing.
void blend(image::Image& picture, std::int32_t x, std::int32_t y, Colour colour, float share) {
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) {
    return;
  }
  std::uint8_t* const pixel =
      picture.rgb.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) +
                            static_cast<std::size_t>(x)) *
                               3;
  const std::array channels = {colour.red, colour.green, colour.blue};
  for (std::size_t c = 0; c < 3; ++c) {
    const auto old = static_cast<float>(pixel[c]);
    pixel[c] = static_cast<std::uint8_t>(
        std::lround(old + ((static_cast<float>(channels[c]) - old) * share)));
  }
}

void fill(image::Image& picture, std::int32_t left, std::int32_t top, std::int32_t right,
          std::int32_t bottom, Colour colour, float share = 1.0F) {
  for (std::int32_t y = std::max(top, 0); y < std::min(bottom, picture.height); ++y) {
    for (std::int32_t x = std::max(left, 0); x < std::min(right, picture.width); ++x) {
      blend(picture, x, y, colour, share);
    }
  }
}

bool dot(const Glyph& glyph, int column, int row) {
  return column >= 0 && column < glyph_width && row >= 0 && row < glyph_height &&
         (glyph[static_cast<std::size_t>(row)] >> static_cast<unsigned>(glyph_width - 1 - column) &
          1U) != 0;
}

/// How much of the point (x, y), in dots, is ink: the dots' centres mixed linearly, which rounds
/// the corners.
float ink(const Glyph& glyph, float x, float y) {
  const auto column = static_cast<int>(std::floor(x - 0.5F));
  const auto row = static_cast<int>(std::floor(y - 0.5F));
  const float right = x - 0.5F - static_cast<float>(column);
  const float below = y - 0.5F - static_cast<float>(row);
  const auto at = [&](int c, int r) { return dot(glyph, c, r) ? 1.0F : 0.0F; };
  return ((at(column, row) * (1 - right) + at(column + 1, row) * right) * (1 - below)) +
         ((at(column, row + 1) * (1 - right) + at(column + 1, row + 1) * right) * below);
}

Colour text_colour_on(Colour background) {
  const int luma =
      ((background.red * 299) + (background.green * 587) + (background.blue * 114)) / 1000;
  return luma > 140 ? Colour{0, 0, 0} : Colour{255, 255, 255};
}

/// One character a code point, so that a name of 20 letters takes 20 places.
std::string to_ascii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80) {
      out += byte >= 0x20 && byte < 0x7F ? c : '?';
    }
  }
  return out;
}

/// Text on a plate of `background` whose bottom left corner is (x, bottom), moved into the picture.
void draw_label(image::Image& picture, std::int32_t x, std::int32_t bottom, const std::string& text,
                std::int32_t scale, Colour background) {
  const TextSize size = text_size(text, scale);
  const std::int32_t margin = scale * 2;
  const std::int32_t width = size.width + (2 * margin);
  const std::int32_t height = size.height + margin;
  const std::int32_t left = std::clamp(x, 0, std::max(picture.width - width, 0));
  const std::int32_t top = std::clamp(bottom - height, 0, std::max(picture.height - height, 0));
  fill(picture, left, top, left + width, top + height, background);
  draw_text(picture, left + margin, top + margin, text, scale, text_colour_on(background));
}

std::string caption_of(const inference::Prediction& found) {
  const std::string name =
      found.label.empty() ? format_text("class {}", found.class_id) : to_ascii(found.label);
  return format_text("{} {:.0f} %", name, found.probability * 100);
}

}  // namespace

TextSize text_size(std::string_view text, std::int32_t scale) {
  const auto letters = static_cast<std::int32_t>(to_ascii(text).size());
  return {.width = letters == 0 ? 0 : ((letters * (glyph_width + 1)) - 1) * scale,
          .height = glyph_height * scale};
}

void draw_text(image::Image& picture, std::int32_t x, std::int32_t y, std::string_view text,
               std::int32_t scale, Colour colour) {
  const auto step = 1.0F / static_cast<float>(scale);
  for (const char c : to_ascii(text)) {
    const Glyph& glyph = font[static_cast<std::size_t>(c - ' ')];
    for (std::int32_t row = -scale; row < (glyph_height + 1) * scale; ++row) {
      for (std::int32_t column = -scale; column < (glyph_width + 1) * scale; ++column) {
        const float level = ink(glyph, (static_cast<float>(column) + 0.5F) * step,
                                (static_cast<float>(row) + 0.5F) * step);
        // Ink begins at one half; one pixel around that edge is mixed.
        const float share =
            std::clamp(((level - 0.45F) * static_cast<float>(scale)) + 0.5F, 0.0F, 1.0F);
        if (share > 0) {
          blend(picture, x + column, y + row, colour, share);
        }
      }
    }
    x += (glyph_width + 1) * scale;
  }
}

void annotate(image::Image& picture, const inference::Response& response) {
  // A line of text is about a thirtieth of the picture's smaller side high, and never below its own
  // dots.
  const std::int32_t side = std::min(picture.width, picture.height);
  const std::int32_t scale = std::max(1, (side + 135) / 270);
  const std::int32_t stroke = std::max(1, side / 200);

  std::int32_t line = scale * 2;
  for (const inference::Prediction& found : response.predictions) {
    const Colour colour =
        palette[static_cast<std::size_t>(std::max(found.class_id, 0)) % palette.size()];
    if (!found.box) {
      const std::int32_t height = text_size("x", scale).height + (scale * 2);
      draw_label(picture, scale * 2, line + height, caption_of(found), scale, {30, 30, 30});
      line += height;
      continue;
    }
    const auto left = static_cast<std::int32_t>(std::lround(found.box->x_min));
    const auto top = static_cast<std::int32_t>(std::lround(found.box->y_min));
    const auto right = static_cast<std::int32_t>(std::lround(found.box->x_max));
    const auto bottom = static_cast<std::int32_t>(std::lround(found.box->y_max));
    fill(picture, left, top, right, top + stroke, colour);
    fill(picture, left, bottom - stroke, right, bottom, colour);
    fill(picture, left, top, left + stroke, bottom, colour);
    fill(picture, right - stroke, top, right, bottom, colour);
  }
  // Labels after all frames, the best last, so that none is hidden by what counts less.
  for (const auto& found : std::views::reverse(response.predictions)) {
    if (found.box) {
      const Colour colour =
          palette[static_cast<std::size_t>(std::max(found.class_id, 0)) % palette.size()];
      draw_label(picture, static_cast<std::int32_t>(std::lround(found.box->x_min)),
                 static_cast<std::int32_t>(std::lround(found.box->y_min)), caption_of(found), scale,
                 colour);
    }
  }
}

}  // namespace gantry::cli
