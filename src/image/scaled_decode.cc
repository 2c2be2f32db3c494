#include "gantry/image/scaled_decode.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "jpeg_reader.h"
#include "row_resizer.h"

namespace gantry::image {

struct ScaledDecoder::State {
  RowResizer rows{resize_kernels().front()};
  Resizer whole;
  std::vector<std::uint8_t> batch;
};

namespace {

// Rows decoded before they are scaled: the rows of two rows of 16x16 blocks, still in the cache,
// and few enough looks at the clock.
constexpr std::int32_t kBatch = 32;
// Behind the last row, for kernels that read vectors.
constexpr std::size_t kSlack = 16;

/// Of stored sizes: the smallest picture that is at least twice the target in both directions.
int dct_denominator(const JpegReader& reader, std::int32_t width, std::int32_t height) {
  for (const int denominator : {8, 4, 2}) {
    const std::int64_t least = std::int64_t{2} * denominator;
    if (reader.width() >= least * width && reader.height() >= least * height) {
      return denominator;
    }
  }
  return 1;
}

Result<ScaledDecoder::Report> decode_jpeg_rows(Bytes bytes, const DecodeOptions& options,
                                               std::int32_t width, std::int32_t height,
                                               std::uint8_t* out, RowResizer& rows,
                                               std::vector<std::uint8_t>& batch) {
  ScaledDecoder::Report report;
  auto last = Clock::now();
  const auto account_to = [&last](Clock::duration& step) {
    const auto now = Clock::now();
    step += now - std::exchange(last, now);
  };
  JpegReader reader(bytes);
  if (auto header = reader.read_header(options.limits); !header) {
    return std::unexpected(std::move(header.error()));
  }
  const int orientation = options.apply_orientation ? reader.orientation() : 1;
  const bool on_its_side = orientation >= 5;
  report.source_width = on_its_side ? reader.height() : reader.width();
  report.source_height = on_its_side ? reader.width() : reader.height();
  const int denominator =
      options.dct_scaling
          ? dct_denominator(reader, on_its_side ? height : width, on_its_side ? width : height)
          : 1;
  if (auto started = reader.start(denominator); !started) {
    return std::unexpected(std::move(started.error()));
  }
  const std::int32_t stored_height = reader.output_height();
  const std::size_t stride = static_cast<std::size_t>(reader.output_width()) * 3;
  batch.resize(stride * kBatch + kSlack);
  account_to(report.decode);
  rows.begin({reader.output_width(), stored_height, orientation}, width, height, out);
  account_to(report.resize);
  for (std::int32_t y = 0; y < stored_height; y += kBatch) {
    const std::int32_t count = std::min(kBatch, stored_height - y);
    if (auto read = reader.read_rows(count, batch); !read) {
      return std::unexpected(std::move(read.error()));
    }
    account_to(report.decode);
    rows.push(batch.data(), count, stride, batch.size());
    account_to(report.resize);
  }
  if (auto end = reader.finish(); !end) {
    return std::unexpected(std::move(end.error()));
  }
  account_to(report.decode);
  return report;
}

}  // namespace

ScaledDecoder::ScaledDecoder() : state_(std::make_unique<State>()) {}
ScaledDecoder::ScaledDecoder(ScaledDecoder&& other) noexcept = default;
ScaledDecoder& ScaledDecoder::operator=(ScaledDecoder&& other) noexcept = default;
ScaledDecoder::~ScaledDecoder() = default;

Result<ScaledDecoder::Report> ScaledDecoder::decode(std::span<const std::byte> bytes,
                                                    const DecodeOptions& options,
                                                    std::int32_t width, std::int32_t height,
                                                    std::span<std::uint8_t> out) {
  if (auto fits = check_target(width, height, out.size()); !fits) {
    return std::unexpected(std::move(fits.error()));
  }
  if (detect_format(bytes) == Format::jpeg) {
    return decode_jpeg_rows(as_bytes(bytes), options, width, height, out.data(), state_->rows,
                            state_->batch);
  }
  const auto start = Clock::now();
  const auto image = image::decode(bytes, options);
  if (!image) {
    return std::unexpected(image.error());
  }
  const auto decoded = Clock::now();
  if (auto done = state_->whole.bilinear(*image, width, height, out); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return Report{image->width, image->height, decoded - start, Clock::now() - decoded};
}

}  // namespace gantry::image
