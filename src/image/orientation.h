#pragma once

#include <optional>

#include "codec.h"
#include "gantry/image/image.h"

namespace gantry::image {

/// The orientation tag (0x0112) of an EXIF block, which is a TIFF file of its own, with or without
/// "Exif\0\0" before it. Empty if there is none or if the block is damaged before it.
[[nodiscard]] std::optional<int> exif_orientation(Bytes exif) noexcept;
/// tiff:Orientation of an XMP packet.
[[nodiscard]] std::optional<int> xmp_orientation(Bytes xmp) noexcept;
/// The orientation that counts, by Pillow's rule: XMP's only if EXIF has none. A value out of range
/// is 1.
[[nodiscard]] int pick_orientation(std::optional<int> exif, std::optional<int> xmp) noexcept;

/// Turns the picture upright. `orientation` 1 to 8.
void orient(Image& image, int orientation);

}  // namespace gantry::image
