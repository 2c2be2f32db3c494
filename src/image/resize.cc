#include "gantry/image/resize.h"

#include <string>

#include "row_resizer.h"

namespace gantry::image {

namespace {

// 0 for a size that no picture has.
std::size_t rgb_size(std::int32_t width, std::int32_t height) {
  return width > 0 && height > 0
             ? static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3
             : 0;
}

std::string size_text(std::int32_t width, std::int32_t height, std::size_t bytes) {
  return std::to_string(width) + "x" + std::to_string(height) + " with " + std::to_string(bytes) +
         " bytes";
}

}  // namespace

Result<> check_target(std::int32_t width, std::int32_t height, std::size_t size) {
  const std::size_t wanted = rgb_size(width, height);
  if (wanted == 0 || size != wanted) {
    return fail(Code::invalid_argument,
                "resize: want a target of [height, width, 3] bytes, found " +
                    size_text(width, height, size));
  }
  return {};
}

struct Resizer::State {
  RowResizer rows;
};

Resizer::Resizer() : Resizer(resize_kernels().front()) {}
Resizer::Resizer(const ResizeKernels& kernels)
    : state_(std::make_unique<State>(RowResizer(kernels))) {}
Resizer::Resizer(Resizer&& other) noexcept = default;
Resizer& Resizer::operator=(Resizer&& other) noexcept = default;
Resizer::~Resizer() = default;

Result<> Resizer::bilinear(const Image& source, std::int32_t width, std::int32_t height,
                           std::span<std::uint8_t> out) {
  const std::size_t source_size = rgb_size(source.width, source.height);
  if (source_size == 0 || source.rgb.size() != source_size) {
    return fail(Code::invalid_argument,
                "resize: want a source of [height, width, 3] bytes, found " +
                    size_text(source.width, source.height, source.rgb.size()));
  }
  if (auto fits = check_target(width, height, out.size()); !fits) {
    return fits;
  }
  RowResizer& rows = state_->rows;
  rows.begin({source.width, source.height, 1}, width, height, out.data());
  rows.push(source.rgb.data(), source.height, static_cast<std::size_t>(source.width) * 3,
            source_size);
  return {};
}

}  // namespace gantry::image
