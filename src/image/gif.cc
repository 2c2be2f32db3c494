#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec.h"

namespace gantry::image {
namespace {

int read_input(GifFileType* gif, GifByteType* out, int size) {
  auto& rest = *static_cast<Bytes*>(gif->UserData);
  const std::size_t count = std::min(static_cast<std::size_t>(std::max(size, 0)), rest.size());
  std::memcpy(out, rest.data(), count);
  rest = rest.subspan(count);
  return static_cast<int>(count);
}

struct GifClose {
  void operator()(GifFileType* gif) const noexcept {
    int error = 0;
    DGifCloseFile(gif, &error);
  }
};
using Gif = std::unique_ptr<GifFileType, GifClose>;

std::unexpected<Error> gif_error(int code) {
  const char* reason = GifErrorString(code);
  return damaged(Format::gif, reason != nullptr ? reason : "truncated or damaged");
}

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

// Without any palette the indices are shades of grey; an index beyond a palette is black. Both as
// in Pillow.
Palette make_palette(const ColorMapObject* colors) {
  Palette palette{};
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const auto grey = static_cast<std::uint8_t>(i);
    if (colors == nullptr) {
      palette[i] = {grey, grey, grey};
    } else if (std::cmp_less(i, colors->ColorCount)) {
      palette[i] = {colors->Colors[i].Red, colors->Colors[i].Green, colors->Colors[i].Blue};
    }
  }
  return palette;
}

// Reads blocks up to the first picture's header; remembers the transparent index on the way.
Result<> seek_picture(GifFileType* gif, std::optional<std::uint8_t>& transparent) {
  for (;;) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif, &type) == GIF_ERROR) {
      return gif_error(gif->Error);
    }
    switch (type) {
      case IMAGE_DESC_RECORD_TYPE:
        if (DGifGetImageDesc(gif) == GIF_ERROR) {
          return gif_error(gif->Error);
        }
        return {};
      case EXTENSION_RECORD_TYPE: {
        int function = 0;
        GifByteType* block = nullptr;
        int result = DGifGetExtension(gif, &function, &block);
        for (bool first = true; result != GIF_ERROR && block != nullptr; first = false) {
          GraphicsControlBlock control{};
          // block[0] is its size.
          if (first && function == GRAPHICS_EXT_FUNC_CODE &&
              DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK &&
              control.TransparentColor != NO_TRANSPARENT_COLOR) {
            transparent = static_cast<std::uint8_t>(control.TransparentColor);
          }
          result = DGifGetExtensionNext(gif, &block);
        }
        if (result == GIF_ERROR) {
          return gif_error(gif->Error);
        }
        break;
      }
      case TERMINATE_RECORD_TYPE:
        return damaged(Format::gif, "want a picture, found none");
      default:
        return damaged(Format::gif, "want a block, found bytes of no known kind");
    }
  }
}

}  // namespace

Result<Decoded> decode_gif(Bytes bytes, const DecodeLimits& limits) {
  Bytes rest = bytes;
  int code = 0;
  const Gif gif(DGifOpen(&rest, read_input, &code));
  if (gif == nullptr) {
    return gif_error(code);
  }
  std::optional<std::uint8_t> transparent;
  if (auto found = seek_picture(gif.get(), transparent); !found) {
    return std::unexpected(found.error());
  }
  const GifImageDesc& frame = gif->Image;
  if (frame.Left < 0 || frame.Top < 0 || frame.Width <= 0 || frame.Height <= 0) {
    return damaged(Format::gif, "want a frame of at least 1x1 pixels, found " +
                                    std::to_string(frame.Width) + "x" +
                                    std::to_string(frame.Height));
  }
  // A frame that sticks out widens the canvas, as in Pillow.
  const std::int64_t width = std::max(gif->SWidth, frame.Left + frame.Width);
  const std::int64_t height = std::max(gif->SHeight, frame.Top + frame.Height);
  if (auto fits = check_size(Format::gif, width, height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  const Palette palette = make_palette(frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap);

  Decoded decoded{make_image(width, height), 1};
  const auto frame_width = static_cast<std::size_t>(frame.Width);
  const bool covered = frame.Width == width && frame.Height == height;
  if (!covered) {
    // Where the frame does not reach: the transparent index's colour, else that of index 0.
    const auto& background = palette[transparent.value_or(0)];
    for (std::size_t i = 0; i < decoded.image.rgb.size(); i += 3) {
      std::memcpy(&decoded.image.rgb[i], background.data(), 3);
    }
  }

  std::vector<GifPixelType> line(frame_width);
  struct Pass {
    int first, step;
  };
  constexpr std::array<Pass, 1> kSequential = {{{0, 1}}};
  constexpr std::array<Pass, 4> kInterlaced = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  const std::span<const Pass> passes =
      frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kSequential);
  for (const Pass& pass : passes) {
    for (int y = pass.first; y < frame.Height; y += pass.step) {
      if (DGifGetLine(gif.get(), line.data(), frame.Width) == GIF_ERROR) {
        return gif_error(gif->Error);
      }
      std::uint8_t* out =
          &decoded.image
               .rgb[(static_cast<std::size_t>(frame.Top + y) * static_cast<std::size_t>(width) +
                     static_cast<std::size_t>(frame.Left)) *
                    3];
      for (std::size_t x = 0; x < frame_width; ++x) {
        std::memcpy(out + x * 3, palette[line[x]].data(), 3);
      }
    }
  }
  return decoded;
}

}  // namespace gantry::image
