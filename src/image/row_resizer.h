#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gantry/base/error.h"
#include "resize_kernels.h"

namespace gantry::image {

/// Errors: invalid_argument unless `size` is that of a target of width x height.
[[nodiscard]] Result<> check_target(std::int32_t width, std::int32_t height, std::size_t size);

/// Resizes row by row, so that the whole source need never be in memory. An output line is made as
/// soon as the last source row under its filter has come. Only a few rows more than the filter's
/// height are kept.
///
/// The source may be stored turned. The picture is not turned first: the filter's weights are read
/// backwards, and output lines are written as rows or as columns. Sums of integers do not depend on
/// their order, so the result is that of orient() and then resizing, to the last bit.
/// Threads: thread-bound.
class RowResizer {
 public:
  struct Source {
    std::int32_t width;   ///< as stored
    std::int32_t height;  ///< as stored
    int orientation;      ///< EXIF's, 1 to 8
  };

  explicit RowResizer(const ResizeKernels& kernels) : kernels_(&kernels) {}

  /// Starts a picture. All sizes are positive; width x height is that of the upright result, and
  /// `out` its height * width * 3 bytes, borrowed until the last row has been pushed.
  void begin(const Source& source, std::int32_t width, std::int32_t height, std::uint8_t* out);
  /// Takes the next `count` source rows of RGB pixels; a row begins every `stride` bytes.
  /// `readable` bytes may be read from `rows` on. Several rows at a time are faster. After the last
  /// row of the source, `out` is complete.
  void push(const std::uint8_t* rows, std::int32_t count, std::size_t stride, std::size_t readable);

 private:
  [[nodiscard]] std::uint8_t* kept_row(std::int32_t row) {
    return kept_.data() + static_cast<std::size_t>(row % ring_rows_) * kept_size_;
  }
  void push_one(const std::uint8_t* row, std::size_t readable);
  void push_together(const std::uint8_t* rows, std::size_t stride, std::size_t readable);
  void filter_along(const std::uint8_t* row, std::size_t readable, std::uint8_t* line);
  [[nodiscard]] bool copies_along() const { return along_.in == along_.out && !along_.mirrored; }
  void emit();
  [[nodiscard]] std::uint8_t* line_for(std::int32_t output);
  void place(std::int32_t output);

  const ResizeKernels* kernels_;
  ResizeAxis along_;   ///< the filter along a stored row
  ResizeAxis across_;  ///< the filter across stored rows
  bool across_first_ = false;
  bool columns_ = false;            ///< output lines are columns of the result
  std::vector<std::uint8_t> kept_;  ///< ring of ring_rows_ rows, filtered along or not yet
  std::int32_t ring_rows_ = 1;      ///< the filter's height, and the rows that come together
  std::size_t kept_size_ = 0;       ///< bytes of a kept row
  std::vector<const std::uint8_t*> under_filter_;  ///< one more than max_length, for the kernels
  /// A line before filter_along(), if that filter comes second.
  std::vector<std::uint8_t> unfiltered_;
  std::vector<std::uint8_t> column_;
  std::uint8_t* out_ = nullptr;
  std::int32_t next_in_ = 0;
  std::int32_t emitted_ = 0;
};

}  // namespace gantry::image
