#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "codec.h"
#include "gantry/image/encode.h"
#include "orientation.h"

namespace gantry::image {
namespace {

// As in jpeg_reader.cc: libpng reports fatal errors by a callback that must not return, and
// guarded() keeps the longjmp out of it lawful.
struct Failure {
  std::jmp_buf jump{};
  std::array<char, 128> reason{};
};

template <class Call>
[[nodiscard, gnu::noinline]] bool guarded(Failure& failure, const Call& call) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-bounds-array-to-pointer-decay): what jmp_buf is
  if (setjmp(failure.jump) != 0) {
    return false;
  }
  call();
  return true;
}

[[noreturn]] void on_error(png_structp png, png_const_charp reason) {
  auto& failure = *static_cast<Failure*>(png_get_error_ptr(png));
  std::strncpy(failure.reason.data(), reason, failure.reason.size() - 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-bounds-array-to-pointer-decay): what jmp_buf is
  std::longjmp(failure.jump, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*reason*/) {}

void on_read(png_structp png, png_bytep out, std::size_t size) {
  auto& rest = *static_cast<Bytes*>(png_get_io_ptr(png));
  if (size > rest.size()) {
    png_error(png, "truncated: want more data, found the file's end");
  }
  std::memcpy(out, rest.data(), size);
  rest = rest.subspan(size);
}

struct Reader {
  Failure failure;
  png_structp png = nullptr;
  png_infop info = nullptr;

  Reader()
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure, on_error, on_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Reader(Reader&&) = delete;
  Reader& operator=(Reader&&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct Writer {
  Failure failure;
  png_structp png = nullptr;
  png_infop info = nullptr;

  Writer()
      : png(png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, on_error, on_warning)),
        info(png != nullptr ? png_create_info_struct(png) : nullptr) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

// libpng is told to skip ancillary chunks, which costs nothing and can't go wrong; the orientation,
// which may stand behind the picture, is found by walking over the chunks. Every chunk up to IEND
// is there and intact where it matters once libpng has read the file to its end.
int find_orientation(Bytes file) {
  std::optional<int> exif;
  std::optional<int> xmp;
  for (Bytes rest = tail(file, 8); rest.size() >= 12;) {
    const std::size_t size = be32(rest, 0);
    if (size > rest.size() - 12) {
      break;
    }
    const Bytes name = rest.subspan(4, 4);
    const Bytes data = rest.subspan(8, size);
    if (starts_with(name, "eXIf")) {
      exif = exif_orientation(data);
    } else if (starts_with(name, "iTXt") &&
               starts_with(data, std::string_view("XML:com.adobe.xmp\0\0", 19))) {
      xmp = xmp_orientation(data);  // \0: not compressed; nobody compresses this one
    }
    rest = rest.subspan(12 + size);
  }
  return pick_orientation(exif, xmp);
}

// NOLINTNEXTLINE(readability-non-const-parameter): libpng's signature
void on_write(png_structp png, png_bytep data, std::size_t size) {
  auto& sink = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  const auto* first = reinterpret_cast<const std::byte*>(data);
  bool stored = true;
  try {
    sink.insert(sink.end(), first, first + size);
  } catch (const std::exception&) {
    stored = false;  // an exception can't pass through libpng's frames, and longjmp not out of here
  }
  if (!stored) {
    png_error(png, "out of memory");
  }
}

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

// An index beyond the palette is black, as in Pillow.
Palette read_palette(const Reader& reader) {
  Palette palette{};
  png_colorp colors = nullptr;
  int count = 0;
  png_get_PLTE(reader.png, reader.info, &colors, &count);
  for (int i = 0; i < count && i < 256; ++i) {
    palette[static_cast<std::size_t>(i)] = {colors[i].red, colors[i].green, colors[i].blue};
  }
  return palette;
}

}  // namespace

Result<Decoded> decode_png(Bytes bytes, const DecodeLimits& limits) {
  Reader reader;
  if (reader.info == nullptr) {
    return fail(Code::internal, "PNG: libpng could not be started");
  }
  png_structp png = reader.png;
  png_infop info = reader.info;
  Bytes rest = bytes;
  const auto error = [&] { return damaged(Format::png, reader.failure.reason.data()); };

  const bool header = guarded(reader.failure, [png, info, &rest] {
    png_set_read_fn(png, &rest, on_read);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours are checked below
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png, info);
  });
  if (!header) {
    return error();
  }
  const std::uint32_t width = png_get_image_width(png, info);
  const std::uint32_t height = png_get_image_height(png, info);
  if (auto fits = check_size(Format::png, width, height, limits); !fits) {
    return std::unexpected(fits.error());
  }

  const std::uint8_t color_type = png_get_color_type(png, info);
  const bool has_palette = color_type == PNG_COLOR_TYPE_PALETTE;
  int passes = 1;
  const bool prepared = guarded(reader.failure, [png, info, color_type, has_palette, &passes] {
    if (has_palette) {
      png_set_packing(png);  // one index a byte
    } else {
      png_set_expand_gray_1_2_4_to_8(png);
      png_set_strip_16(png);
      if ((color_type & PNG_COLOR_MASK_COLOR) == 0) {
        png_set_gray_to_rgb(png);
      }
      png_set_strip_alpha(png);
    }
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
  });
  if (!prepared) {
    return error();
  }
  const std::size_t samples = has_palette ? 1 : 3;
  const std::size_t stride = width * samples;
  if (png_get_rowbytes(png, info) != stride) {
    return fail(Code::internal, "PNG: want rows of " + std::to_string(stride) + " bytes, found " +
                                    std::to_string(png_get_rowbytes(png, info)));
  }

  Decoded decoded{make_image(width, height), 1};
  std::vector<std::uint8_t> indices(has_palette ? stride * height : 0);
  std::uint8_t* pixels = has_palette ? indices.data() : decoded.image.rgb.data();
  const bool read = guarded(reader.failure, [png, pixels, stride, height, passes] {
    for (int pass = 0; pass < passes; ++pass) {
      for (std::uint32_t y = 0; y < height; ++y) {
        png_read_row(png, pixels + y * stride, nullptr);
      }
    }
    png_read_end(png, nullptr);
  });
  if (!read) {
    return error();
  }
  if (has_palette) {
    const Palette palette = read_palette(reader);
    std::uint8_t* out = decoded.image.rgb.data();
    for (const std::uint8_t index : indices) {
      std::memcpy(out, palette[index].data(), 3);
      out += 3;
    }
  }
  decoded.orientation = find_orientation(bytes);
  return decoded;
}

Result<std::vector<std::byte>> encode_png(const Image& image) {
  if (image.width <= 0 || image.height <= 0 ||
      image.rgb.size() !=
          static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3) {
    return fail(Code::invalid_argument, "PNG: want a picture of [height, width, 3] bytes, found " +
                                            std::to_string(image.width) + "x" +
                                            std::to_string(image.height) + " with " +
                                            std::to_string(image.rgb.size()) + " bytes");
  }
  Writer writer;
  if (writer.info == nullptr) {
    return fail(Code::internal, "PNG: libpng could not be started");
  }
  std::vector<std::byte> out;
  png_structp png = writer.png;
  png_infop info = writer.info;
  const bool written = guarded(writer.failure, [png, info, &image, &out] {
    png_set_write_fn(png, &out, on_write, [](png_structp) {});
    png_set_IHDR(png, info, static_cast<std::uint32_t>(image.width),
                 static_cast<std::uint32_t>(image.height), 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3);  // a third of the time of 6 for a few per cent more bytes
    png_write_info(png, info);
    const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
    for (std::size_t at = 0; at < image.rgb.size(); at += stride) {
      png_write_row(png, &image.rgb[at]);
    }
    png_write_end(png, nullptr);
  });
  if (!written) {
    return fail(Code::invalid_argument, std::string("PNG: ").append(writer.failure.reason.data()));
  }
  return out;
}

}  // namespace gantry::image
