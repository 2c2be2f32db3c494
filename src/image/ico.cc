#include <algorithm>
#include <bit>
#include <cstddef>

#include "codec.h"

namespace gantry::image {
namespace {

constexpr std::size_t kIcoHeader = 6;
constexpr std::size_t kEntry = 16;

struct Entry {
  std::uint32_t area = 0;
  std::uint32_t depth = 0;
  std::size_t offset = 0;
};

Entry read_entry(Bytes b) {
  const std::uint32_t width = b[0] != 0 ? b[0] : 256U;
  const std::uint32_t height = b[1] != 0 ? b[1] : 256U;
  const std::uint32_t colors = b[2];
  std::uint32_t depth = le16(b, 6);
  if (depth == 0) {
    // Bits that tell so many colours apart. Pillow has 256 here for no and for a single colour.
    depth = colors > 1 ? static_cast<std::uint32_t>(std::bit_width(colors - 1)) : 256U;
  }
  return {width * height, depth, le32(b, 12)};
}

}  // namespace

Result<Decoded> decode_ico(Bytes bytes, const DecodeLimits& limits) {
  const std::size_t count = bytes.size() >= kIcoHeader ? le16(bytes, 4) : 0;
  if (count == 0) {
    return damaged(Format::ico, "want a picture, found none");
  }
  if (bytes.size() < kIcoHeader + count * kEntry) {
    return damaged(Format::ico, "truncated directory");
  }
  // The largest; of several, Pillow takes the one of the fewest colours, then the first.
  Entry best = read_entry(bytes.subspan(kIcoHeader, kEntry));
  for (std::size_t i = 1; i < count; ++i) {
    const Entry entry = read_entry(bytes.subspan(kIcoHeader + i * kEntry, kEntry));
    if (entry.area > best.area || (entry.area == best.area && entry.depth < best.depth)) {
      best = entry;
    }
  }
  const Bytes picture = tail(bytes, best.offset);
  if (picture.empty()) {
    return damaged(Format::ico, "want a picture inside the file, found it behind the end");
  }
  auto decoded = starts_with(picture, "\x89PNG\r\n\x1a\n") ? decode_png(picture, limits)
                                                           : decode_icon_bitmap(picture, limits);
  if (decoded) {
    decoded->orientation = 1;  // icons are never turned
  }
  return decoded;
}

}  // namespace gantry::image
