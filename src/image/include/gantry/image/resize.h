#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "gantry/base/error.h"
#include "gantry/image/image.h"

namespace gantry::image {

struct ResizeKernels;  // the inner loops for one instruction set; src/image/resize_kernels.h

/// Scales `source` to width x height, bit for bit as Pillow's
/// `Image.resize((width, height), Image.Resampling.BILINEAR)` on RGB: triangle filter widened when
/// shrinking, 8-bit fixed-point coefficients of 22 fractional bits, horizontal then vertical pass,
/// each rounded to 8 bits. Source: Pillow 12 src/libImaging/Resample.c.
///
/// Shapes:  out is [height, width, 3] bytes.
/// Errors:  invalid_argument for an empty source, a non-positive size or a span of another size.
/// Threads: thread-bound. A Resizer keeps its scratch memory and coefficients, so repeated calls
///          with the same sizes allocate nothing.
class Resizer {
 public:
  /// With the fastest kernels for this processor. All kernels give the same bytes.
  Resizer();
  /// With these kernels, which must live forever: for tests and benchmarks.
  explicit Resizer(const ResizeKernels& kernels);
  Resizer(Resizer&& other) noexcept;
  Resizer& operator=(Resizer&& other) noexcept;
  Resizer(const Resizer&) = delete;
  Resizer& operator=(const Resizer&) = delete;
  ~Resizer();

  [[nodiscard]] Result<> bilinear(const Image& source, std::int32_t width, std::int32_t height,
                                  std::span<std::uint8_t> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gantry::image
