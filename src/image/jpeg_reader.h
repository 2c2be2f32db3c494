#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "codec.h"

namespace gantry::image {

/// One JPEG, read row by row. Calls in this order: read_header, start, read_rows until all rows are
/// there, finish; after an error none.
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
  /// As stored, not as turned upright.
  [[nodiscard]] std::int32_t width() const noexcept;
  [[nodiscard]] std::int32_t height() const noexcept;
  [[nodiscard]] int orientation() const noexcept;

  /// A progressive file is entropy-decoded whole in here, into memory of O(pixels). Rows will come
  /// at 1/`denominator` of the size, rounded up, from a smaller inverse DCT: 1, 2, 4 or 8.
  [[nodiscard]] Result<> start(int denominator = 1);
  /// Of the rows to come; known after start().
  [[nodiscard]] std::int32_t output_width() const noexcept;
  [[nodiscard]] std::int32_t output_height() const noexcept;
  /// The next rows as packed RGB; out is [count, output_width, 3], with that many rows left.
  [[nodiscard]] Result<> read_rows(std::int32_t count, std::span<std::uint8_t> out);
  /// Reads on to the end mark, which a whole file has.
  [[nodiscard]] Result<> finish();

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace gantry::image
