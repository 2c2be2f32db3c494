#include "jpeg_reader.h"

#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h wants FILE and size_t before it
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orientation.h"

namespace gantry::image {
namespace {

// libjpeg reports a fatal error by calling error_exit(), which must not return. Its manual's way
// out is longjmp; guarded() keeps that lawful in C++: between the setjmp and the longjmp lie only
// libjpeg's frames, the callbacks below and the given function, none of which owns anything.
struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg knows only this part
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> reason;
  int code;
};

ErrorManager& manager_of(j_common_ptr common) {
  return *reinterpret_cast<ErrorManager*>(common->err);
}

[[noreturn]] void leave(j_common_ptr common) {
  ErrorManager& errors = manager_of(common);
  errors.code = common->err->msg_code;
  common->err->format_message(common, errors.reason.data());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-bounds-array-to-pointer-decay): what jmp_buf is
  std::longjmp(errors.jump, 1);
}

[[noreturn]] void leave(j_common_ptr common, int code) {
  common->err->msg_code = code;
  leave(common);
}

// For warnings; the default prints them to stderr. All are let pass, as Pillow does: also that a
// scan's data ended before its last block (JWRN_HIT_MARKER, missing blocks become grey), for some
// cameras write such files.
void on_output(j_common_ptr /*common*/) {}

// All bytes are in memory from the start: whoever asks for more has a file without an end.
boolean on_input_empty(j_decompress_ptr cinfo) {
  leave(reinterpret_cast<j_common_ptr>(cinfo), JWRN_JPEG_EOF);
}

void on_skip(j_decompress_ptr cinfo, long count) {
  if (count <= 0) {
    return;
  }
  if (std::cmp_greater(count, cinfo->src->bytes_in_buffer)) {
    leave(reinterpret_cast<j_common_ptr>(cinfo), JWRN_JPEG_EOF);
  }
  cinfo->src->next_input_byte += count;
  cinfo->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void on_source(j_decompress_ptr /*cinfo*/) {}

// A scan costs time for every block of the picture, whatever few bytes it has: thousands of them
// make a small file a bomb. Encoders write 10 or so; one scan per bit and component would be 40.
constexpr int kMaxScans = 64;
constexpr int kTooManyScans = -1;

void on_progress(j_common_ptr common) {
  if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > kMaxScans) {
    ErrorManager& errors = manager_of(common);
    errors.code = kTooManyScans;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-bounds-array-to-pointer-decay): what jmp_buf is
    std::longjmp(errors.jump, 1);
  }
}

}  // namespace

struct JpegReader::Session {
  jpeg_decompress_struct cinfo{};
  ErrorManager errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::vector<std::uint8_t> cmyk_row;
  int orientation = 1;

  /// False if libjpeg left through error_exit(). `call` must own nothing that needs destroying.
  template <class Call>
  [[nodiscard, gnu::noinline]] bool guarded(const Call& call) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-bounds-array-to-pointer-decay): what jmp_buf is
    if (setjmp(errors.jump) != 0) {
      return false;
    }
    call();
    return true;
  }

  [[nodiscard]] std::unexpected<Error> error() const {
    switch (errors.code) {
      case kTooManyScans:
        return damaged(Format::jpeg,
                       "want at most " + std::to_string(kMaxScans) + " scans, found more");
      case JWRN_JPEG_EOF:
        return damaged(Format::jpeg,
                       "truncated: want data up to an end mark, found the file's end");
      case JERR_IMAGE_TOO_BIG:
        return fail(Code::out_of_range, std::string("JPEG: ").append(errors.reason.data()));
      default:
        return damaged(Format::jpeg, errors.reason.data());
    }
  }
};

JpegReader::JpegReader(Bytes bytes) : session_(std::make_unique<Session>()) {
  Session& s = *session_;
  s.cinfo.err = jpeg_std_error(&s.errors.base);
  s.errors.base.error_exit = [](j_common_ptr common) { leave(common); };
  s.errors.base.output_message = on_output;
  s.source.next_input_byte = bytes.data();
  s.source.bytes_in_buffer = bytes.size();
  s.source.init_source = on_source;
  s.source.fill_input_buffer = on_input_empty;
  s.source.skip_input_data = on_skip;
  s.source.resync_to_restart = jpeg_resync_to_restart;
  s.source.term_source = on_source;
  s.progress.progress_monitor = on_progress;
}

JpegReader::~JpegReader() { jpeg_destroy_decompress(&session_->cinfo); }

Result<> JpegReader::read_header(const DecodeLimits& limits) {
  Session& s = *session_;
  const bool ok = s.guarded([&s] {
    jpeg_create_decompress(&s.cinfo);
    s.cinfo.src = &s.source;
    s.cinfo.progress = &s.progress;
    jpeg_save_markers(&s.cinfo, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&s.cinfo, TRUE);
  });
  if (!ok) {
    return s.error();
  }
  if (s.cinfo.data_precision != 8) {
    return unsupported(Format::jpeg, "samples of 8 bits",
                       std::to_string(s.cinfo.data_precision) + " bits");
  }
  switch (s.cinfo.num_components) {
    case 1:
    case 3:
      s.cinfo.out_color_space = JCS_RGB;
      break;
    case 4:
      s.cinfo.out_color_space = JCS_CMYK;
      break;
    default:
      return unsupported(Format::jpeg, "1, 3 or 4 components",
                         std::to_string(s.cinfo.num_components));
  }
  if (auto fits = check_size(Format::jpeg, s.cinfo.image_width, s.cinfo.image_height, limits);
      !fits) {
    return fits;
  }
  // Coefficients of a progressive file: 2 bytes a sample, 4 components at most, and room for sides
  // that are padded to whole blocks.
  const auto pixels = static_cast<std::int64_t>(s.cinfo.image_width) * s.cinfo.image_height;
  s.cinfo.mem->max_memory_to_use = static_cast<long>(pixels * 8 + (std::int64_t{64} << 20));

  std::optional<int> exif;
  std::optional<int> xmp;
  for (const jpeg_marker_struct* m = s.cinfo.marker_list; m != nullptr; m = m->next) {
    constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
    const Bytes data(m->data, m->data_length);
    if (starts_with(data, std::string_view("Exif\0\0", 6)) && !exif) {
      exif = exif_orientation(data);
    } else if (starts_with(data, kXmp)) {
      xmp = xmp_orientation(data.subspan(kXmp.size()));
    }
  }
  s.orientation = pick_orientation(exif, xmp);
  return {};
}

std::int32_t JpegReader::width() const noexcept {
  return static_cast<std::int32_t>(session_->cinfo.image_width);
}
std::int32_t JpegReader::height() const noexcept {
  return static_cast<std::int32_t>(session_->cinfo.image_height);
}
int JpegReader::orientation() const noexcept { return session_->orientation; }

std::int32_t JpegReader::output_width() const noexcept {
  return static_cast<std::int32_t>(session_->cinfo.output_width);
}
std::int32_t JpegReader::output_height() const noexcept {
  return static_cast<std::int32_t>(session_->cinfo.output_height);
}

Result<> JpegReader::start(int denominator) {
  Session& s = *session_;
  s.cinfo.scale_num = 1;
  s.cinfo.scale_denom = static_cast<unsigned int>(denominator);
  if (!s.guarded([&s] { jpeg_start_decompress(&s.cinfo); })) {
    return s.error();
  }
  if (s.cinfo.out_color_space == JCS_CMYK) {
    s.cmyk_row.resize(std::size_t{s.cinfo.output_width} * 4);
  }
  return {};
}

Result<> JpegReader::read_rows(std::int32_t count, std::span<std::uint8_t> out) {
  Session& s = *session_;
  const std::size_t stride = std::size_t{s.cinfo.output_width} * 3;
  std::uint8_t* row = out.data();
  bool ok = true;
  if (s.cmyk_row.empty()) {
    ok = s.guarded([&s, row, stride, count] {
      // libjpeg hands out what one row of blocks in it gives at a time: a row or two.
      std::array<JSAMPROW, 4> rows{};
      for (std::int32_t done = 0; done < count;) {
        JDIMENSION wanted = 0;
        for (; wanted < rows.size() && done + static_cast<std::int32_t>(wanted) < count; ++wanted) {
          rows[wanted] = row + stride * (static_cast<std::size_t>(done) + wanted);
        }
        done += static_cast<std::int32_t>(jpeg_read_scanlines(&s.cinfo, rows.data(), wanted));
      }
    });
  } else {
    ok = s.guarded([&s, row, stride, count] {
      JSAMPROW inks = s.cmyk_row.data();
      for (std::int32_t done = 0; done < count; ++done) {
        jpeg_read_scanlines(&s.cinfo, &inks, 1);
        // As Pillow, we take every four-component JPEG for one of Adobe's, whose inks are inverted.
        for (JDIMENSION x = 0; x < s.cinfo.output_width; ++x) {
          const std::uint8_t* in = inks + std::size_t{x} * 4;
          const std::array<std::uint8_t, 4> cmyk = {
              static_cast<std::uint8_t>(255 - in[0]), static_cast<std::uint8_t>(255 - in[1]),
              static_cast<std::uint8_t>(255 - in[2]), static_cast<std::uint8_t>(255 - in[3])};
          cmyk_to_rgb(cmyk.data(),
                      row + stride * static_cast<std::size_t>(done) + std::size_t{x} * 3);
        }
      }
    });
  }
  return ok ? Result<>{} : s.error();
}

Result<> JpegReader::finish() {
  Session& s = *session_;
  return s.guarded([&s] { jpeg_finish_decompress(&s.cinfo); }) ? Result<>{} : s.error();
}

Result<Decoded> decode_jpeg(Bytes bytes, const DecodeLimits& limits) {
  JpegReader reader(bytes);
  if (auto header = reader.read_header(limits); !header) {
    return std::unexpected(header.error());
  }
  if (auto started = reader.start(); !started) {
    return std::unexpected(started.error());
  }
  Decoded decoded{make_image(reader.width(), reader.height()), reader.orientation()};
  if (auto rows = reader.read_rows(reader.height(), decoded.image.rgb); !rows) {
    return std::unexpected(rows.error());
  }
  if (auto end = reader.finish(); !end) {
    return std::unexpected(end.error());
  }
  return decoded;
}

}  // namespace gantry::image
