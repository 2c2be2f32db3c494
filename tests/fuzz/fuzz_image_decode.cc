// A picture from a stranger, through all that reads it: decoded, scaled, and scaled while decoded.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "gantry/image/decode.h"
#include "gantry/image/resize.h"
#include "gantry/image/scaled_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gantry::image;  // NOLINT(google-build-using-namespace): a program of one function
  constexpr std::int32_t kWidth = 19;
  constexpr std::int32_t kHeight = 13;
  constexpr std::size_t kSize = std::size_t{kWidth} * kHeight * 3;
  const auto bytes = std::as_bytes(std::span(data, size));
  const DecodeOptions options{.limits = {.max_pixels = 1 << 20, .max_side = 4096}};

  const auto image = decode(bytes, options);
  std::vector<std::uint8_t> two_steps(kSize);
  if (image && !Resizer().bilinear(*image, kWidth, kHeight, two_steps)) {
    std::abort();  // a decoded picture has bytes for its size
  }
  std::vector<std::uint8_t> one_step(kSize);
  const auto report = ScaledDecoder().decode(bytes, options, kWidth, kHeight, one_step);
  if (report.has_value() != image.has_value() || (image && one_step != two_steps)) {
    std::abort();
  }
  return 0;
}
