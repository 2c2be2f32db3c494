#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/image/decode.h"
#include "gantry/image/image.h"
#include "gantry/image/resize.h"

namespace gantry::image {

/// decode() and Resizer::bilinear() in one, with the same bytes in `out` and the same errors. A
/// JPEG is scaled and turned upright row by row while it is decoded. The whole picture, 36 MB for
/// 12 megapixels, is never in memory. Pictures of other formats are decoded first.
///
/// With DecodeOptions::dct_scaling a JPEG that is at least 4, 8 or 16 times as wide and as high as
/// the target comes out of libjpeg-turbo's inverse DCT at 1/2, 1/4 or 1/8 of its size: always at
/// least twice the target, so that the filter still works on more pixels than it makes (the rule of
/// Pillow's `thumbnail(reducing_gap=2.0)`). That saves most of the inverse DCT, the upsampling and
/// the resizing. `out` differs from the exact result; README.md says by how much. Sizes and limits
/// are still those of the whole picture.
///
/// Threads: thread-bound, as Resizer. Repeated calls with the same sizes allocate nothing for JPEG,
///          except in the decoder.
class ScaledDecoder {
 public:
  struct Report {
    std::int32_t source_width = 0;  ///< of the picture as decode() would return it
    std::int32_t source_height = 0;
    Clock::duration decode{};  ///< time in each step, also if the steps alternate
    Clock::duration resize{};
  };

  ScaledDecoder();
  ScaledDecoder(ScaledDecoder&& other) noexcept;
  ScaledDecoder& operator=(ScaledDecoder&& other) noexcept;
  ScaledDecoder(const ScaledDecoder&) = delete;
  ScaledDecoder& operator=(const ScaledDecoder&) = delete;
  ~ScaledDecoder();

  /// `out` is [height, width, 3] bytes; after an error its contents are unspecified.
  [[nodiscard]] Result<Report> decode(std::span<const std::byte> bytes,
                                      const DecodeOptions& options, std::int32_t width,
                                      std::int32_t height, std::span<std::uint8_t> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::image
