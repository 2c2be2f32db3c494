#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "codec.h"

namespace gantry::image {

/// Reads one JPEG row by row. Call in this order: read_header, start, read_rows until all rows are
/// read, finish. Call nothing after an error.
/// Errors:  as decode(). Threads: reentrant.
class JpegReader {
 public:
  /// Borrows `bytes` for its lifetime.
  explicit JpegReader(Bytes bytes);
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  JpegReader(JpegReader&&) = delete;
  JpegReader& operator=(JpegReader&&) = delete;
  ~JpegReader();

  [[nodiscard]] Result<> read_header(const DecodeLimits& limits);
  /// Of the picture as stored, not turned upright.
  [[nodiscard]] std::int32_t width() const noexcept;
  [[nodiscard]] std::int32_t height() const noexcept;
  [[nodiscard]] int orientation() const noexcept;

  /// Starts decoding. A progressive file is entropy-decoded here as a whole, into O(pixels) of
  /// memory. `denominator` is 1, 2, 4 or 8: the rows come from a smaller inverse DCT, at
  /// 1/`denominator` of the size, rounded up.
  [[nodiscard]] Result<> start(int denominator = 1);
  /// Size of the rows that read_rows() gives; known after start().
  [[nodiscard]] std::int32_t output_width() const noexcept;
  [[nodiscard]] std::int32_t output_height() const noexcept;
  /// Reads the next rows as packed RGB. `out` is [count, output_width, 3]; at least `count` rows
  /// must be left.
  [[nodiscard]] Result<> read_rows(std::int32_t count, std::span<std::uint8_t> out);
  /// Reads on to the end mark. A truncated file has none.
  [[nodiscard]] Result<> finish();

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace gantry::image
