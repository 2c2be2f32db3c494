#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "codec.h"
#include "orientation.h"

namespace gantry::image {
namespace {

struct DemuxerDelete {
  void operator()(WebPDemuxer* demuxer) const noexcept { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DemuxerDelete>;

class FirstFrame {
 public:
  explicit FirstFrame(const WebPDemuxer* demuxer)
      : found_(WebPDemuxGetFrame(demuxer, 1, &iterator_) != 0) {}
  FirstFrame(const FirstFrame&) = delete;
  FirstFrame& operator=(const FirstFrame&) = delete;
  FirstFrame(FirstFrame&&) = delete;
  FirstFrame& operator=(FirstFrame&&) = delete;
  ~FirstFrame() { WebPDemuxReleaseIterator(&iterator_); }

  [[nodiscard]] bool is_found() const noexcept { return found_; }
  [[nodiscard]] const WebPIterator& operator*() const noexcept { return iterator_; }

 private:
  WebPIterator iterator_{};
  bool found_;
};

// Borrows from the demuxer's input.
Bytes find_chunk(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator iterator{};
  Bytes data;
  if (WebPDemuxGetChunk(demuxer, name, 1, &iterator) != 0) {
    data = {iterator.chunk.bytes, iterator.chunk.size};
  }
  WebPDemuxReleaseChunkIterator(&iterator);
  return data;
}

std::string_view describe(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "truncated: want more data, found the frame's end";
    default:
      return "damaged bitstream";
  }
}

}  // namespace

Result<Decoded> decode_webp(Bytes bytes, const DecodeLimits& limits) {
  const WebPData data{bytes.data(), bytes.size()};
  const Demuxer demuxer(WebPDemux(&data));
  if (demuxer == nullptr) {
    return damaged(Format::webp, "truncated file or damaged chunks");
  }
  const std::int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (auto fits = check_size(Format::webp, width, height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  const FirstFrame first(demuxer.get());
  if (!first.is_found()) {
    return damaged(Format::webp, "want a frame, found none");
  }
  const WebPIterator& frame = *first;
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width <= 0 || frame.height <= 0 ||
      frame.x_offset > width - frame.width || frame.y_offset > height - frame.height) {
    return damaged(Format::webp, "want the first frame inside the canvas");
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    return fail(Code::internal, "WebP: libwebp differs from the one this was built with");
  }
  // The frame's own header has a say about its size too; libwebp holds it against the buffer's.
  Decoded decoded{make_image(width, height), 1};
  const auto stride = static_cast<std::size_t>(width) * 3;
  const std::size_t offset = static_cast<std::size_t>(frame.y_offset) * stride +
                             static_cast<std::size_t>(frame.x_offset) * 3;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = decoded.image.rgb.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = decoded.image.rgb.size() - offset;
  if (WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input) != VP8_STATUS_OK ||
      config.input.width != frame.width || config.input.height != frame.height) {
    return damaged(Format::webp, "the first frame's size differs from the one announced");
  }
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) {
    return damaged(Format::webp, describe(status));
  }
  const Bytes exif = find_chunk(demuxer.get(), "EXIF");
  const Bytes xmp = find_chunk(demuxer.get(), "XMP ");
  decoded.orientation = pick_orientation(exif_orientation(exif), xmp_orientation(xmp));
  return decoded;
}

}  // namespace gantry::image
