#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec.h"
#include "orientation.h"

namespace gantry::image {
namespace {

/// What libtiff's callbacks work on.
struct Input {
  Bytes bytes;
  std::uint64_t at = 0;
  std::string reason;  ///< of the first error
};

Input& input_of(thandle_t handle) { return *static_cast<Input*>(handle); }

tmsize_t on_read(thandle_t handle, void* out, tmsize_t size) {
  Input& input = input_of(handle);
  const Bytes rest = tail(input.bytes, input.at);
  const std::size_t count =
      std::min(static_cast<std::size_t>(std::max<tmsize_t>(size, 0)), rest.size());
  if (count > 0) {
    std::memcpy(out, rest.data(), count);
  }
  input.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t on_write(thandle_t /*handle*/, void* /*data*/, tmsize_t /*size*/) { return -1; }

toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  Input& input = input_of(handle);
  switch (whence) {
    case SEEK_CUR:
      input.at += offset;
      break;
    case SEEK_END:
      input.at = input.bytes.size() + offset;
      break;
    default:
      input.at = offset;
  }
  return input.at;
}

int on_close(thandle_t /*handle*/) { return 0; }
toff_t on_size(thandle_t handle) { return input_of(handle).bytes.size(); }

// The bytes are in memory already: "mapping" them saves libtiff a copy of every strip.
int on_map(thandle_t handle, void** base, toff_t* size) {
  // libtiff declares the mapping writable, and never writes to one of a file opened with "r".
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  *base = const_cast<std::uint8_t*>(input_of(handle).bytes.data());
  *size = input_of(handle).bytes.size();
  return 1;
}
void on_unmap(thandle_t /*handle*/, void* /*base*/, toff_t /*size*/) {}

int on_error(TIFF* /*tiff*/, void* user, const char* /*module*/, const char* format, va_list args) {
  Input& input = *static_cast<Input*>(user);
  if (input.reason.empty()) {
    std::array<char, 200> text{};
    static_cast<void>(std::vsnprintf(text.data(), text.size(), format, args));
    input.reason = text.data();
  }
  return 1;  // handled: nothing goes to stderr
}
int on_warning(TIFF* /*tiff*/, void* /*user*/, const char* /*module*/, const char* /*format*/,
               va_list /*args*/) {
  return 1;
}

struct TiffClose {
  void operator()(TIFF* tiff) const noexcept { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, TiffClose>;
struct OptionsFree {
  void operator()(TIFFOpenOptions* options) const noexcept { TIFFOpenOptionsFree(options); }
};

Tiff open(Input& input, const DecodeLimits& limits) {
  const std::unique_ptr<TIFFOpenOptions, OptionsFree> options(TIFFOpenOptionsAlloc());
  // One strip or tile, and whatever a codec keeps beside it (Pillow's largest pixel has 6 samples
  // of 2 bytes): no more than a few times the largest picture allowed, or the file itself.
  const auto largest = static_cast<tmsize_t>(limits.max_pixels * 12 + (std::int64_t{16} << 20) +
                                             static_cast<std::int64_t>(input.bytes.size()));
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), largest);
  TIFFOpenOptionsSetMaxCumulatedMemAlloc(options.get(), largest * 2);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &input);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &input);
  return Tiff(TIFFClientOpenExt("TIFF", "r", &input, on_read, on_write, on_seek, on_close, on_size,
                                on_map, on_unmap, options.get()));
}

struct Layout {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint16_t bits = 1;
  std::uint16_t samples = 1;
  std::uint16_t format = SAMPLEFORMAT_UINT;
  std::uint16_t photometric = PHOTOMETRIC_MINISWHITE;  // what Pillow takes when it is not said
  std::uint16_t planar = PLANARCONFIG_CONTIG;
  std::uint16_t compression = COMPRESSION_NONE;
  std::size_t colors = 1;      ///< samples a pixel that are colour; the rest is alpha or unknown
  bool premultiplied = false;  ///< the sample behind the colours is alpha, and they carry it
};

Result<Layout> read_layout(TIFF* tiff, const Input& input, const DecodeLimits& limits) {
  Layout l;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &l.width) == 0 ||
      TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &l.height) == 0) {
    return damaged(Format::tiff, input.reason.empty() ? "want a size, found none" : input.reason);
  }
  if (auto fits = check_size(Format::tiff, l.width, l.height, limits); !fits) {
    return std::unexpected(fits.error());
  }
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &l.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &l.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &l.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &l.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &l.compression);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &l.photometric);

  switch (l.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
      l.colors = 1;
      break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
      l.colors = 3;
      break;
    case PHOTOMETRIC_SEPARATED:
      l.colors = 4;
      break;
    default:
      return unsupported(Format::tiff, "grey, palette, RGB, YCbCr or CMYK",
                         "photometric interpretation " + std::to_string(l.photometric));
  }
  if (l.photometric == PHOTOMETRIC_YCBCR && l.samples == 1) {
    l.photometric = PHOTOMETRIC_MINISBLACK;  // luma alone
    l.colors = 1;
  }
  constexpr std::size_t kMostSamples = 6;
  if (l.samples < l.colors || l.samples > kMostSamples) {
    return unsupported(Format::tiff, std::to_string(l.colors) + " to 6 samples a pixel",
                       std::to_string(l.samples));
  }
  const bool packed = l.bits == 1 || l.bits == 2 || l.bits == 4;
  const bool deep = l.bits == 16 && l.photometric != PHOTOMETRIC_PALETTE;
  const bool known_bits = l.bits == 8 || deep || (packed && l.samples == 1);
  if (!known_bits) {
    return unsupported(
        Format::tiff, "1, 2, 4, 8 or 16 bits a sample",
        std::to_string(l.samples) + " samples of " + std::to_string(l.bits) + " bits");
  }
  const bool is_signed_byte = l.format == SAMPLEFORMAT_INT && l.bits == 8;
  if (l.format != SAMPLEFORMAT_UINT && l.format != SAMPLEFORMAT_VOID && !is_signed_byte) {
    return unsupported(Format::tiff, "unsigned samples",
                       "sample format " + std::to_string(l.format));
  }
  if (l.compression == COMPRESSION_OJPEG) {
    return unsupported(Format::tiff, "JPEG as of TIFF technical note 2", "old-style JPEG");
  }
  std::uint16_t extra_count = 0;
  const std::uint16_t* extra = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) != 0 && extra_count > 0 &&
      extra != nullptr) {
    l.premultiplied = extra[0] == EXTRASAMPLE_ASSOCALPHA && l.colors == 3 && l.samples > 3;
  }
  return l;
}

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

Result<Palette> read_palette(TIFF* tiff, const Layout& layout) {
  std::array<const std::uint16_t*, 3> colors{};
  if (TIFFGetField(tiff, TIFFTAG_COLORMAP, colors.data(), &colors[1], &colors[2]) == 0) {
    return damaged(Format::tiff, "want a palette, found none");
  }
  Palette palette{};
  for (std::size_t i = 0; i < (std::size_t{1} << layout.bits); ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      palette[i][c] = static_cast<std::uint8_t>(colors[c][i] >> 8);
    }
  }
  return palette;
}

/// Samples of one plane or of all in turn, as 8 bits each.
class SampleReader {
 public:
  explicit SampleReader(std::uint16_t bits) : bits_(bits) {}
  [[nodiscard]] std::uint8_t operator()(const std::uint8_t* row, std::size_t i) const {
    switch (bits_) {
      case 8:
        return row[i];
      case 16: {
        std::uint16_t sample = 0;  // in this machine's byte order, which libtiff sees to
        std::memcpy(&sample, row + i * 2, 2);
        return static_cast<std::uint8_t>(sample >> 8);
      }
      default: {
        const std::size_t per_byte = 8U / bits_;
        const std::size_t shift = 8 - bits_ * (i % per_byte + 1);
        return static_cast<std::uint8_t>((row[i / per_byte] >> shift) & ((1U << bits_) - 1));
      }
    }
  }

 private:
  std::uint16_t bits_;
};

class Converter {
 public:
  Converter(const Layout& layout, const Palette& palette) : layout_(layout), palette_(&palette) {}

  /// One pixel of layout.samples samples to RGB.
  void operator()(const std::uint8_t* samples, std::uint8_t* rgb) const {
    switch (layout_.photometric) {
      case PHOTOMETRIC_PALETTE:
        std::memcpy(rgb, (*palette_)[samples[0]].data(), 3);
        return;
      case PHOTOMETRIC_SEPARATED:
        cmyk_to_rgb(samples, rgb);
        return;
      case PHOTOMETRIC_MINISBLACK:
      case PHOTOMETRIC_MINISWHITE: {
        const unsigned max = layout_.bits >= 8 ? 255 : (1U << layout_.bits) - 1;
        const unsigned grey = samples[0] * (255 / max);
        std::memset(
            rgb,
            static_cast<int>(layout_.photometric == PHOTOMETRIC_MINISWHITE ? 255 - grey : grey), 3);
        return;
      }
      default:
        std::memcpy(rgb, samples, 3);
        if (layout_.premultiplied && samples[3] != 255) {
          const unsigned alpha = samples[3];
          for (int c = 0; c < 3; ++c) {
            rgb[c] = static_cast<std::uint8_t>(
                alpha == 0 ? 0 : std::min(samples[c] * 255U / alpha, 255U));
          }
        }
        return;
    }
  }

 private:
  Layout layout_;
  const Palette* palette_;
};

/// Where decoded strips and tiles go: pixels of all samples at 8 bits, only where a picture comes
/// in separate planes; otherwise straight to RGB.
class Sink {
 public:
  Sink(const Layout& layout, const Palette& palette, Image& image)
      : layout_(layout), read_(layout.bits), convert_(layout, palette), image_(&image) {
    if (is_planar()) {
      planes_.resize(image.rgb.size() / 3 * layout.samples);
    }
  }
  [[nodiscard]] bool is_planar() const {
    return layout_.planar == PLANARCONFIG_SEPARATE && layout_.samples > 1;
  }

  void put(std::uint16_t plane, std::uint32_t x, std::uint32_t y, const std::uint8_t* row,
           std::uint32_t count) {
    const std::size_t first = std::size_t{y} * layout_.width + x;
    if (is_planar()) {
      for (std::size_t i = 0; i < count; ++i) {
        planes_[(first + i) * layout_.samples + plane] = read_(row, i);
      }
      return;
    }
    std::array<std::uint8_t, 8> pixel{};
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t s = 0; s < layout_.samples; ++s) {
        pixel[s] = read_(row, i * layout_.samples + s);
      }
      convert_(pixel.data(), &image_->rgb[(first + i) * 3]);
    }
  }
  void finish() {
    for (std::size_t i = 0; i * layout_.samples < planes_.size(); ++i) {
      convert_(&planes_[i * layout_.samples], &image_->rgb[i * 3]);
    }
  }

 private:
  Layout layout_;
  SampleReader read_;
  Converter convert_;
  Image* image_;
  std::vector<std::uint8_t> planes_;
};

std::unexpected<Error> libtiff_error(const Input& input) {
  return damaged(Format::tiff, input.reason.empty() ? "truncated or damaged" : input.reason);
}

Result<> read_scanlines(TIFF* tiff, const Layout& layout, const Input& input, Sink& sink) {
  const std::size_t samples = sink.is_planar() ? 1 : layout.samples;
  const std::uint16_t planes = sink.is_planar() ? layout.samples : std::uint16_t{1};
  const std::size_t wanted = (std::size_t{layout.width} * samples * layout.bits + 7) / 8;
  const tmsize_t size = TIFFScanlineSize(tiff);
  if (size < 0 || std::cmp_less(size, wanted)) {
    return libtiff_error(input);
  }
  std::vector<std::uint8_t> row(static_cast<std::size_t>(size));
  for (std::uint16_t plane = 0; plane < planes; ++plane) {
    for (std::uint32_t y = 0; y < layout.height; ++y) {
      if (TIFFReadScanline(tiff, row.data(), y, plane) < 0) {
        return libtiff_error(input);
      }
      sink.put(plane, 0, y, row.data(), layout.width);
    }
  }
  return {};
}

Result<> read_tiles(TIFF* tiff, const Layout& layout, const Input& input,
                    const DecodeLimits& limits, Sink& sink) {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
  if (auto fits = check_size(Format::tiff, width, height, limits); !fits) {
    return fits;
  }
  const std::size_t samples = sink.is_planar() ? 1 : layout.samples;
  const std::uint16_t planes = sink.is_planar() ? layout.samples : std::uint16_t{1};
  const std::size_t stride = (std::size_t{width} * samples * layout.bits + 7) / 8;
  const tmsize_t size = TIFFTileSize(tiff);
  if (size < 0 || std::cmp_less(size, stride * height)) {
    return libtiff_error(input);
  }
  std::vector<std::uint8_t> tile(static_cast<std::size_t>(size));
  for (std::uint16_t plane = 0; plane < planes; ++plane) {
    for (std::uint32_t y = 0; y < layout.height; y += height) {
      for (std::uint32_t x = 0; x < layout.width; x += width) {
        if (TIFFReadTile(tiff, tile.data(), x, y, 0, plane) < 0) {
          return libtiff_error(input);
        }
        for (std::uint32_t i = 0; i < std::min(height, layout.height - y); ++i) {
          sink.put(plane, x, y + i, tile.data() + i * stride, std::min(width, layout.width - x));
        }
      }
    }
  }
  return {};
}

// YCbCr outside JPEG, possibly subsampled: libtiff's own conversion, which is Pillow's too.
Result<> read_rgba(TIFF* tiff, const Input& input, Image& image) {
  std::vector<std::uint32_t> raster(image.rgb.size() / 3);
  // "Oriented" as stored: turning is our caller's.
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  if (TIFFReadRGBAImageOriented(tiff, static_cast<std::uint32_t>(image.width),
                                static_cast<std::uint32_t>(image.height), raster.data(),
                                orientation, 1) == 0) {
    return libtiff_error(input);
  }
  for (std::size_t i = 0; i < raster.size(); ++i) {
    image.rgb[i * 3] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    image.rgb[i * 3 + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    image.rgb[i * 3 + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
  return {};
}

int find_orientation(TIFF* tiff) {
  std::uint16_t tag = 0;
  if (TIFFGetField(tiff, TIFFTAG_ORIENTATION, &tag) != 0) {
    return pick_orientation(tag, std::nullopt);
  }
  std::uint32_t size = 0;
  const std::uint8_t* xmp = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_XMLPACKET, &size, &xmp) != 0 && xmp != nullptr) {
    return pick_orientation(std::nullopt, xmp_orientation({xmp, size}));
  }
  return 1;
}

}  // namespace

Result<Decoded> decode_tiff(Bytes bytes, const DecodeLimits& limits) {
  Input input{bytes, 0, {}};
  const Tiff tiff = open(input, limits);
  if (tiff == nullptr) {
    return libtiff_error(input);
  }
  const auto layout = read_layout(tiff.get(), input, limits);
  if (!layout) {
    return std::unexpected(layout.error());
  }
  Palette palette{};
  if (layout->photometric == PHOTOMETRIC_PALETTE) {
    auto read = read_palette(tiff.get(), *layout);
    if (!read) {
      return std::unexpected(read.error());
    }
    palette = *read;
  }
  Decoded decoded{make_image(layout->width, layout->height), find_orientation(tiff.get())};
  Sink sink(*layout, palette, decoded.image);
  Result<> read;
  if (layout->photometric == PHOTOMETRIC_YCBCR && layout->compression != COMPRESSION_JPEG) {
    read = read_rgba(tiff.get(), input, decoded.image);
  } else {
    if (layout->photometric == PHOTOMETRIC_YCBCR) {
      TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    read = TIFFIsTiled(tiff.get()) != 0 ? read_tiles(tiff.get(), *layout, input, limits, sink)
                                        : read_scanlines(tiff.get(), *layout, input, sink);
  }
  if (!read) {
    return std::unexpected(read.error());
  }
  sink.finish();
  return decoded;
}

}  // namespace gantry::image
