#include "gantry/image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "gantry/image/encode.h"
#include "gantry/test/shared.h"
#include "test_data.h"

namespace gantry::image {
namespace {

using test::crc32_of;
using test::read_bytes;
using testing::AllOf;
using testing::HasSubstr;

std::filesystem::path data(const std::string& name) {
  return gantry::test::source("tests/data/decode") / name;
}

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes;
  std::ranges::transform(text, std::back_inserter(bytes),
                         [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

// A table of make_golden.py against the files below `folder`.
void expect_equal_to_pillow(const std::filesystem::path& table, const std::filesystem::path& folder,
                            int at_least) {
  std::ifstream in(table);
  std::string line;
  int files = 0;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string name;
    int width = 0;
    int height = 0;
    std::string crc;
    fields >> name >> width >> height >> crc;
    const auto image = decode(read_bytes(folder / name));
    ASSERT_TRUE(image.has_value()) << name << ": " << image.error().message;
    EXPECT_EQ(image->width, width) << name;
    EXPECT_EQ(image->height, height) << name;
    EXPECT_EQ(crc32_of(image->rgb), std::stoul(crc, nullptr, 16)) << name;
    ++files;
  }
  EXPECT_GE(files, at_least);
}

TEST(DecodeTest, equals_pillow_on_every_kind_of_file) {
  expect_equal_to_pillow(data("golden.txt"), data(""), 130);
}

TEST(DecodeTest, equals_pillow_on_real_photos) {
  GANTRY_NEEDS_SHARED();
  expect_equal_to_pillow(data("shared.txt"), gantry::test::shared("images"), 100);
}

TEST(DecodeTest, leaves_the_orientation_to_the_caller_if_asked) {
  const auto bytes = read_bytes(data("exif_6.jpg"));
  const auto turned = decode(bytes);
  const auto stored = decode(bytes, {.limits = {}, .apply_orientation = false});
  ASSERT_TRUE(turned && stored);
  EXPECT_EQ(turned->width, stored->height);
  EXPECT_EQ(turned->height, stored->width);
  // 6: turn clockwise, so the stored picture's bottom left is the upright one's top left.
  const std::size_t bottom_left =
      static_cast<std::size_t>(stored->height - 1) * static_cast<std::size_t>(stored->width) * 3;
  EXPECT_TRUE(std::equal(turned->rgb.begin(), turned->rgb.begin() + 3,
                         stored->rgb.begin() + static_cast<std::ptrdiff_t>(bottom_left)));
}

TEST(DecodeTest, names_the_format_by_the_first_bytes) {
  struct Case {
    const char* file;
    Format format;
  };
  for (const auto& [file, format] :
       {Case{"444.jpg", Format::jpeg}, Case{"rgb.png", Format::png},
        Case{"lossy.webp", Format::webp}, Case{"grey.gif", Format::gif},
        Case{"rgb24.bmp", Format::bmp}, Case{"strips.tiff", Format::tiff},
        Case{"rgb16_big_endian.tiff", Format::tiff}, Case{"plain.pbm", Format::pnm},
        Case{"rgb.ppm", Format::pnm}, Case{"rgb.tga", Format::tga},
        Case{"palette_rle.tga", Format::tga}, Case{"png.ico", Format::ico}}) {
    EXPECT_EQ(detect_format(read_bytes(data(file))), format) << file;
  }
  EXPECT_EQ(detect_format({}), Format::unknown);
  EXPECT_EQ(detect_format(bytes_of("a text of more than eighteen bytes")), Format::unknown);
  EXPECT_EQ(detect_format(bytes_of("P7\nWIDTH 3")), Format::unknown);
  EXPECT_EQ(detect_format(std::vector<std::byte>(100)), Format::unknown);
}

struct ErrorCase {
  const char* name;
  std::string bytes;
  Code code;
  const char* message;
};

class DecodeErrorTest : public testing::TestWithParam<ErrorCase> {};

TEST_P(DecodeErrorTest, says_what_is_wrong) {
  const auto image = decode(bytes_of(GetParam().bytes));
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, GetParam().code);
  EXPECT_THAT(image.error().message, HasSubstr(GetParam().message));
}

std::string with_zeros(std::string start, std::size_t size) {
  start.resize(size);
  return start;
}

INSTANTIATE_TEST_SUITE_P(
    Edges, DecodeErrorTest,
    testing::Values(
        ErrorCase{"no_bytes", "", Code::invalid_argument,
                  "want the bytes of a picture, found none"},
        ErrorCase{"text", "Not found", Code::unimplemented, "found bytes of no known format"},
        ErrorCase{"svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", Code::unimplemented,
                  "want JPEG, PNG"},
        ErrorCase{"jpeg_start_only", "\xff\xd8\xff", Code::invalid_argument, "JPEG: truncated"},
        ErrorCase{"png_start_only", "\x89PNG\r\n\x1a\n", Code::invalid_argument, "PNG: truncated"},
        ErrorCase{"webp_start_only", "RIFF....WEBP", Code::invalid_argument, "WebP: truncated"},
        ErrorCase{"gif_start_only", "GIF89a", Code::invalid_argument, "GIF: "},
        ErrorCase{"bmp_start_only", "BM", Code::invalid_argument, "BMP: truncated header"},
        ErrorCase{"bmp_odd_header", with_zeros("BM............\x10", 40), Code::invalid_argument,
                  "found 16"},
        ErrorCase{"tiff_start_only", std::string("II*\0", 4), Code::invalid_argument, "TIFF: "},
        ErrorCase{"pnm_no_size", "P6\n", Code::invalid_argument,
                  "PNM: truncated or damaged header"},
        ErrorCase{"pnm_zero_width", "P5 0 5 255\n", Code::invalid_argument,
                  "want at least 1x1 pixels, found 0x5"},
        ErrorCase{"pnm_too_bright", "P5 1 1 70000\n.", Code::invalid_argument, "found 70000"},
        ErrorCase{"pnm_short", "P5 4 4 255\n...", Code::invalid_argument, "want 16 bytes"},
        ErrorCase{"pnm_too_wide", "P5 40000 1 255\n", Code::out_of_range,
                  "PNM: want sides of at most 32768 pixels, found 40000x1"},
        ErrorCase{"pnm_too_large", "P5 32768 32768 255\n", Code::out_of_range,
                  "want at most 67108864 pixels, found 32768x32768"},
        ErrorCase{"ico_empty", std::string("\0\0\1\0\0\0", 6), Code::invalid_argument,
                  "ICO: want a picture, found none"}),
    [](const auto& test) { return std::string(test.param.name); });

// Every file of our own, cut anywhere: an error, and never of our own making. (Only some formats
// can hide the cut: what a PNM or GIF has behind its pixels does not matter.)
TEST(DecodeTest, refuses_truncated_files) {
  for (const char* name :
       {"444.jpg", "420.jpg", "progressive.jpg", "grey.jpg", "restart.jpg", "cmyk.jpg", "rgb.png",
        "interlaced.png", "palette4.png", "lossy.webp", "lossless.webp", "indexed.gif", "rgb24.bmp",
        "rle8.bmp", "rgb.ppm", "plain.ppm", "rgb_rle.tga", "rgb_tiff_lzw.tiff"}) {
    const auto whole = read_bytes(data(name));
    ASSERT_TRUE(decode(whole).has_value()) << name;
    for (const std::size_t percent : {5U, 20U, 50U, 80U, 90U}) {
      const auto cut = decode(std::span(whole).first(whole.size() * percent / 100));
      ASSERT_FALSE(cut.has_value()) << name << " cut to " << percent << " %";
      EXPECT_TRUE(cut.error().code == Code::invalid_argument ||
                  cut.error().code == Code::unimplemented)
          << name << ": " << cut.error().message;
    }
  }
  for (const char* name : {"444.jpg", "progressive.jpg"}) {  // the end mark alone is missing
    const auto whole = read_bytes(data(name));
    EXPECT_FALSE(decode(std::span(whole).first(whole.size() - 2)).has_value()) << name;
  }
}

TEST(DecodeTest, counts_the_limits_in_pixels_and_sides) {
  for (const auto& entry : std::filesystem::directory_iterator(data(""))) {
    const std::string extension = entry.path().extension();
    if (extension == ".txt" || extension == ".py") {
      continue;
    }
    const auto bytes = read_bytes(entry.path());
    const auto image = decode(bytes);
    ASSERT_TRUE(image.has_value()) << entry.path() << image.error().message;
    const auto pixels = std::int64_t{image->width} * image->height;
    const auto side = std::max(image->width, image->height);
    EXPECT_TRUE(decode(bytes, {.limits = {.max_pixels = pixels, .max_side = side}}).has_value())
        << entry.path();
    for (const DecodeLimits limits : {DecodeLimits{.max_pixels = pixels - 1, .max_side = side},
                                      DecodeLimits{.max_pixels = pixels, .max_side = side - 1}}) {
      const auto refused = decode(bytes, {.limits = limits});
      ASSERT_FALSE(refused.has_value()) << entry.path();
      EXPECT_EQ(refused.error().code, Code::out_of_range) << refused.error().message;
      EXPECT_THAT(refused.error().message, AllOf(HasSubstr(": want "), HasSubstr(", found ")));
    }
  }
}

// A progressive scan of a few bytes costs time for the whole picture.
TEST(DecodeTest, refuses_a_jpeg_of_thousands_of_scans) {
  auto bytes = read_bytes(data("grey_progressive.jpg"));
  // The last scan with its header, again and again before the end mark.
  const std::vector<std::byte> start = {std::byte{0xFF}, std::byte{0xDA}};
  const auto scan = std::ranges::find_end(bytes, start);
  const std::vector<std::byte> last(scan.begin(), bytes.end() - 2);
  const std::vector<std::byte> end(bytes.end() - 2, bytes.end());
  bytes.resize(bytes.size() - 2);
  for (int i = 0; i < 5000; ++i) {
    bytes.insert(bytes.end(), last.begin(), last.end());
  }
  bytes.insert(bytes.end(), end.begin(), end.end());
  const auto image = decode(bytes);
  ASSERT_FALSE(image.has_value());
  EXPECT_EQ(image.error().code, Code::invalid_argument);
  EXPECT_THAT(image.error().message, HasSubstr("want at most 64 scans"));
}

TEST(DecodeTest, survives_any_flipped_byte) {
  std::vector<std::vector<std::byte>> files;
  for (const auto& entry : std::filesystem::directory_iterator(data(""))) {
    if (const auto ext = entry.path().extension(); ext != ".txt" && ext != ".py") {
      files.push_back(read_bytes(entry.path()));
    }
  }
  EXPECT_TRUE(rc::check([&] {
    auto bytes = *rc::gen::elementOf(files);
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
    const auto image = decode(bytes, {.limits = {.max_pixels = 1 << 20, .max_side = 4096}});
    if (image) {
      RC_ASSERT(image->rgb.size() == static_cast<std::size_t>(image->width) *
                                         static_cast<std::size_t>(image->height) * 3);
    } else {
      RC_ASSERT(image.error().code != Code::internal);
      RC_ASSERT(!image.error().message.empty());
    }
  }));
}

TEST(DecodeTest, ends_every_hostile_file_in_an_error_or_a_picture) {
  GANTRY_NEEDS_SHARED();
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(gantry::test::shared("images/hostile"))) {
    const auto image = decode(read_bytes(entry.path()));
    if (image) {
      EXPECT_EQ(image->rgb.size(), static_cast<std::size_t>(image->width) *
                                       static_cast<std::size_t>(image->height) * 3);
    } else {
      EXPECT_NE(image.error().code, Code::internal) << entry.path() << image.error().message;
      EXPECT_THAT(image.error().message, HasSubstr(": ")) << entry.path();
    }
    ++files;
  }
  EXPECT_GE(files, 100);
  const auto hostile = [](const char* name) {
    return decode(read_bytes(gantry::test::shared("images/hostile") / name));
  };
  for (const char* bomb : {"made_png_bomb_50000x50000_gray.png", "made_png_ihdr_2147483647.png",
                           "made_jpg_header_65535x65535.jpg", "made_gif_65535x65535.gif"}) {
    const auto image = hostile(bomb);
    ASSERT_FALSE(image.has_value()) << bomb;
    EXPECT_EQ(image.error().code, Code::out_of_range) << bomb << ": " << image.error().message;
  }
  for (const char* fine :
       {"made_png_20000x1.png", "made_png_1x1.png", "made_jpg_exif_orientation_9.jpg"}) {
    EXPECT_TRUE(hostile(fine).has_value()) << fine;
  }
}

TEST(EncodePngTest, is_read_back_as_it_was) {
  for (const auto& [width, height] : {std::pair{1, 1}, {37, 23}, {300, 2}}) {
    const Image image = test::make_noise(width, height, 3);
    const auto png = encode_png(image);
    ASSERT_TRUE(png.has_value()) << png.error().message;
    const auto back = decode(*png);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->width, width);
    EXPECT_EQ(back->height, height);
    EXPECT_EQ(back->rgb, image.rgb);
  }
}

TEST(EncodePngTest, refuses_what_is_no_picture) {
  for (const Image& image : {Image{}, Image{2, 2, {1, 2, 3}}, Image{-1, -1, {1, 2, 3}}}) {
    const auto png = encode_png(image);
    ASSERT_FALSE(png.has_value());
    EXPECT_EQ(png.error().code, Code::invalid_argument);
  }
}

}  // namespace
}  // namespace gantry::image
