#include "orientation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "pixel.h"

namespace gantry::image {
namespace {

void flip_rows(Image& image) {
  const std::size_t stride = static_cast<std::size_t>(image.width) * kPixelBytes;
  auto top = image.rgb.begin();
  auto bottom = image.rgb.end();
  for (std::int32_t y = 0; y < image.height / 2; ++y) {
    bottom -= static_cast<std::ptrdiff_t>(stride);
    std::swap_ranges(top, top + static_cast<std::ptrdiff_t>(stride), bottom);
    top += static_cast<std::ptrdiff_t>(stride);
  }
}

void reverse_pixels(std::uint8_t* first, std::size_t pixels) {
  std::uint8_t* last = first + pixels * kPixelBytes;
  while (last - first >= static_cast<std::ptrdiff_t>(2 * kPixelBytes)) {
    last -= kPixelBytes;
    std::swap_ranges(first, first + kPixelBytes, last);
    first += kPixelBytes;
  }
}

// out(x, y) = in(column(y), row(x)), where each of the two maps may run backwards.
void transpose(Image& image, bool reverse_columns, bool reverse_rows) {
  const auto in_width = static_cast<std::size_t>(image.width);
  const auto in_height = static_cast<std::size_t>(image.height);
  std::vector<std::uint8_t> turned(image.rgb.size());
  // In squares, so that the rows read and the rows written both stay in the cache.
  constexpr std::size_t kSquare = 32;
  for (std::size_t y0 = 0; y0 < in_width; y0 += kSquare) {
    for (std::size_t x0 = 0; x0 < in_height; x0 += kSquare) {
      for (std::size_t y = y0; y < std::min(y0 + kSquare, in_width); ++y) {
        const std::size_t column = reverse_columns ? in_width - 1 - y : y;
        for (std::size_t x = x0; x < std::min(x0 + kSquare, in_height); ++x) {
          const std::size_t row = reverse_rows ? in_height - 1 - x : x;
          std::memcpy(&turned[(y * in_height + x) * kPixelBytes],
                      &image.rgb[(row * in_width + column) * kPixelBytes], kPixelBytes);
        }
      }
    }
  }
  image.rgb = std::move(turned);
  std::swap(image.width, image.height);
}

}  // namespace

std::optional<int> exif_orientation(Bytes exif) noexcept {
  while (starts_with(exif, std::string_view("Exif\0\0", 6))) {
    exif = exif.subspan(6);
  }
  if (exif.size() < 8) {
    return std::nullopt;
  }
  const bool big = starts_with(exif, "MM");
  if (!big && !starts_with(exif, "II")) {
    return std::nullopt;
  }
  const auto read16 = [&](std::size_t at) { return big ? be16(exif, at) : le16(exif, at); };
  const auto read32 = [&](std::size_t at) { return big ? be32(exif, at) : le32(exif, at); };
  std::size_t entry = read32(4);
  if (entry > exif.size() - 2) {
    return std::nullopt;
  }
  const std::uint32_t count = read16(entry);
  entry += 2;
  std::optional<int> found;
  // A directory cut short counts as far as it goes; of two tags the last one, as in Pillow.
  for (std::uint32_t i = 0; i < count && exif.size() - entry >= 12; ++i, entry += 12) {
    constexpr std::uint32_t kOrientation = 0x0112;
    constexpr std::uint32_t kShort = 3;
    constexpr std::uint32_t kLong = 4;
    if (read16(entry) != kOrientation || read32(entry + 4) != 1) {
      continue;
    }
    const std::uint32_t type = read16(entry + 2);
    if (type == kShort) {
      found = static_cast<int>(read16(entry + 8));
    } else if (type == kLong) {
      found = static_cast<int>(std::min(read32(entry + 8), 9U));
    }
  }
  return found;
}

std::optional<int> xmp_orientation(Bytes xmp) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  constexpr std::string_view kName = "tiff:Orientation";
  for (auto at = text.find(kName); at != std::string_view::npos; at = text.find(kName, at + 1)) {
    std::string_view rest = text.substr(at + kName.size());
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      return rest.front() - '0';
    }
  }
  return std::nullopt;
}

int pick_orientation(std::optional<int> exif, std::optional<int> xmp) noexcept {
  const int orientation = exif ? *exif : xmp.value_or(1);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

void orient(Image& image, int orientation) {
  switch (orientation) {
    case 2:
      for (std::int32_t y = 0; y < image.height; ++y) {
        const auto width = static_cast<std::size_t>(image.width);
        reverse_pixels(&image.rgb[static_cast<std::size_t>(y) * width * kPixelBytes], width);
      }
      return;
    case 3:
      reverse_pixels(image.rgb.data(), image.rgb.size() / kPixelBytes);
      return;
    case 4:
      flip_rows(image);
      return;
    case 5:
      transpose(image, false, false);
      return;
    case 6:
      transpose(image, false, true);
      return;
    case 7:
      transpose(image, true, true);
      return;
    case 8:
      transpose(image, true, false);
      return;
    default:
      return;
  }
}

}  // namespace gantry::image
