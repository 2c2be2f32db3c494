#include "row_resizer.h"

#include <array>
#include <cstring>

#include "pixel.h"

namespace gantry::image {
namespace {

std::size_t bytes_of(std::int32_t pixels) { return static_cast<std::size_t>(pixels) * kPixelBytes; }

// Pillow has an exception from "rows first": very tall pictures are filtered by columns first,
// which saves it memory and rounds differently.
bool is_tall(std::int32_t width, std::int32_t height, std::int32_t target_height) {
  return height > std::int64_t{width} * 100 && target_height < height;
}

}  // namespace

void RowResizer::begin(const Source& source, std::int32_t width, std::int32_t height,
                       std::uint8_t* out) {
  const int turn = source.orientation;
  columns_ = turn >= 5;
  if (columns_) {
    along_.prepare(source.width, height, turn == 7 || turn == 8);
    across_.prepare(source.height, width, turn == 6 || turn == 7);
    across_first_ = !is_tall(source.height, source.width, height);
  } else {
    along_.prepare(source.width, width, turn == 2 || turn == 3);
    across_.prepare(source.height, height, turn == 3 || turn == 4);
    across_first_ = is_tall(source.width, source.height, height);
  }
  kept_size_ = bytes_of(across_first_ ? along_.in : along_.out);
  ring_rows_ = across_.max_length + ResizeKernels::kRows - 1;
  kept_.resize(static_cast<std::size_t>(ring_rows_) * kept_size_);
  under_filter_.resize(static_cast<std::size_t>(across_.max_length) + 1);
  unfiltered_.resize(across_first_ ? bytes_of(along_.in) : 0);
  column_.resize(columns_ ? bytes_of(along_.out) : 0);
  out_ = out;
  next_in_ = 0;
  emitted_ = 0;
}

void RowResizer::push(const std::uint8_t* rows, std::int32_t count, std::size_t stride,
                      std::size_t readable) {
  const bool can_go_together = across_.in != across_.out && !across_first_ && !copies_along();
  while (count > 0) {
    const std::int32_t taken =
        can_go_together && count >= ResizeKernels::kRows ? ResizeKernels::kRows : 1;
    if (taken == 1) {
      push_one(rows, readable);
    } else {
      push_together(rows, stride, readable);
    }
    count -= taken;
    rows += static_cast<std::size_t>(taken) * stride;
    readable -= static_cast<std::size_t>(taken) * stride;
  }
}

void RowResizer::push_together(const std::uint8_t* rows, std::size_t stride, std::size_t readable) {
  std::array<const std::uint8_t*, ResizeKernels::kRows> from{};
  std::array<std::uint8_t*, ResizeKernels::kRows> to{};
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = rows + i * stride;
    to[i] = kept_row(next_in_ + static_cast<std::int32_t>(i));
  }
  kernels_->horizontal_rows(along_, from.data(), readable - (from.size() - 1) * stride, to.data());
  next_in_ += ResizeKernels::kRows;
  emit();
}

void RowResizer::push_one(const std::uint8_t* row, std::size_t readable) {
  if (across_.in == across_.out) {
    const std::int32_t output = across_.mirrored ? across_.out - 1 - next_in_ : next_in_;
    filter_along(row, readable, line_for(output));
    place(output);
    ++next_in_;
    return;
  }
  if (across_first_) {
    std::memcpy(kept_row(next_in_), row, kept_size_);
  } else {
    filter_along(row, readable, kept_row(next_in_));
  }
  ++next_in_;
  emit();
}

void RowResizer::filter_along(const std::uint8_t* row, std::size_t readable, std::uint8_t* line) {
  if (copies_along()) {
    std::memcpy(line, row, bytes_of(along_.in));
  } else {
    kernels_->horizontal(along_, row, readable, line);
  }
}

void RowResizer::emit() {
  while (emitted_ < across_.out) {
    const std::int32_t output = across_.mirrored ? across_.out - 1 - emitted_ : emitted_;
    const std::int32_t first = across_.start[static_cast<std::size_t>(output)];
    const std::int32_t count = across_.length[static_cast<std::size_t>(output)];
    if (first + count > next_in_) {
      return;
    }
    for (std::int32_t i = 0; i < count; ++i) {
      under_filter_[static_cast<std::size_t>(i)] = kept_row(first + i);
    }
    under_filter_[static_cast<std::size_t>(count)] = kept_.data();  // weighs 0
    std::uint8_t* line = line_for(output);
    kernels_->vertical(under_filter_.data(), static_cast<std::size_t>(count),
                       across_.weights_of(output), kept_size_,
                       across_first_ ? unfiltered_.data() : line);
    if (across_first_) {
      filter_along(unfiltered_.data(), unfiltered_.size(), line);
    }
    place(output);
    ++emitted_;
  }
}

std::uint8_t* RowResizer::line_for(std::int32_t output) {
  return columns_ ? column_.data() : out_ + static_cast<std::size_t>(output) * bytes_of(along_.out);
}

void RowResizer::place(std::int32_t output) {
  if (!columns_) {
    return;  // it was made in place
  }
  std::uint8_t* to = out_ + bytes_of(output);
  for (std::size_t i = 0; i < column_.size(); i += kPixelBytes, to += bytes_of(across_.out)) {
    std::memcpy(to, &column_[i], kPixelBytes);
  }
}

}  // namespace gantry::image
