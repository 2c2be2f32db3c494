#include "gantry/image/scaled_decode.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gantry/test/shared.h"
#include "orientation.h"
#include "row_resizer.h"
#include "test_data.h"

namespace gantry::image {
namespace {

using test::make_noise;
using test::read_bytes;

struct Target {
  std::int32_t width, height;
  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3), 0xEE);
  }
};

void expect_same_as_two_steps(ScaledDecoder& decoder, const std::filesystem::path& path,
                              const DecodeOptions& options) {
  const auto bytes = read_bytes(path);
  for (const Target target : {Target{24, 24}, {37, 23}, {50, 7}, {1, 1}}) {
    auto two_steps = target.bytes();
    auto one_step = target.bytes();
    const auto image = decode(bytes, options);
    const auto report = decoder.decode(bytes, options, target.width, target.height, one_step);
    ASSERT_EQ(image.has_value(), report.has_value()) << path;
    if (!image) {
      EXPECT_EQ(image.error().code, report.error().code) << path;
      EXPECT_EQ(image.error().message, report.error().message) << path;
      continue;
    }
    EXPECT_EQ(report->source_width, image->width) << path;
    EXPECT_EQ(report->source_height, image->height) << path;
    ASSERT_TRUE(Resizer().bilinear(*image, target.width, target.height, two_steps).has_value());
    EXPECT_EQ(one_step, two_steps) << path << " to " << target.width << "x" << target.height;
  }
}

TEST(ScaledDecoderTest, gives_what_decoding_and_resizing_give) {
  ScaledDecoder decoder;
  for (const auto& entry :
       std::filesystem::directory_iterator(gantry::test::source("tests/data/decode"))) {
    expect_same_as_two_steps(decoder, entry.path(), {});
    expect_same_as_two_steps(decoder, entry.path(), {.limits = {}, .apply_orientation = false});
    expect_same_as_two_steps(decoder, entry.path(), {.limits = {.max_pixels = 1, .max_side = 1}});
  }
}

TEST(ScaledDecoderTest, gives_what_decoding_and_resizing_give_on_hostile_files) {
  GANTRY_NEEDS_SHARED();
  ScaledDecoder decoder;
  for (const auto& entry :
       std::filesystem::directory_iterator(gantry::test::shared("images/hostile"))) {
    expect_same_as_two_steps(decoder, entry.path(),
                             {.limits = {.max_pixels = 1 << 20, .max_side = 4096}});
  }
}

constexpr DecodeOptions kDctScaling{.limits = {}, .apply_orientation = true, .dct_scaling = true};

/// The mean of the differences of all samples, of 255.
double mean_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += std::abs(int{a[i]} - int{b[i]});
  }
  return sum / static_cast<double>(a.size());
}

/// What a decoder makes of it exactly and with DCT scaling.
struct BothWays {
  std::vector<std::uint8_t> exact, scaled;
};

BothWays decode_both_ways(const std::filesystem::path& path, Target target) {
  const auto bytes = read_bytes(path);
  BothWays out{target.bytes(), target.bytes()};
  ScaledDecoder decoder;
  const auto exact = decoder.decode(bytes, {}, target.width, target.height, out.exact);
  const auto scaled = decoder.decode(bytes, kDctScaling, target.width, target.height, out.scaled);
  EXPECT_TRUE(exact.has_value() && scaled.has_value()) << path;
  if (exact && scaled) {
    EXPECT_EQ(scaled->source_width, exact->source_width) << path;
    EXPECT_EQ(scaled->source_height, exact->source_height) << path;
  }
  return out;
}

TEST(ScaledDecoderTest, dct_scaling_leaves_alone_what_is_not_much_larger_than_the_target) {
  for (const char* name : {"16x16.jpg", "420.jpg", "cmyk.jpg", "exif_6.jpg", "grey.png"}) {
    const auto path = gantry::test::source("tests/data/decode") / name;
    const auto image = decode(read_bytes(path));
    ASSERT_TRUE(image.has_value()) << name;
    // One pixel more than a quarter in one direction is too much for half the size.
    const auto out = decode_both_ways(path, {image->width / 4 + 1, image->height / 4});
    EXPECT_EQ(out.scaled, out.exact) << name;
  }
}

TEST(ScaledDecoderTest, dct_scaling_gives_nearly_the_same_picture_and_the_same_way_up) {
  GANTRY_NEEDS_SHARED();
  for (const char* name : {"burger.jpg", "cat_1080p.jpg", "progressive_cat.jpg", "pets.jpg",
                           "tower_grayscale.jpg", "exif_Landscape_3.jpg", "exif_Landscape_6.jpg",
                           "exif_Landscape_8.jpg", "exif_Portrait_6.jpg"}) {
    const auto path = gantry::test::shared("images") / name;
    for (const Target target : {Target{50, 37}, {20, 40}}) {
      const auto out = decode_both_ways(path, target);
      EXPECT_NE(out.scaled, out.exact) << name;
      // Half of what moving the picture by one pixel changes: less than any mirroring or turning.
      auto moved = out.exact;
      std::ranges::rotate(moved, moved.begin() + 3);
      EXPECT_LT(2 * mean_difference(out.scaled, out.exact), mean_difference(moved, out.exact))
          << name << " to " << target.width;
    }
  }
}

TEST(ScaledDecoderTest, dct_scaling_reads_every_kind_of_jpeg_and_refuses_what_decode_refuses) {
  for (const auto& entry :
       std::filesystem::directory_iterator(gantry::test::source("tests/data/decode"))) {
    const auto bytes = read_bytes(entry.path());
    auto out = Target{1, 1}.bytes();
    const auto image = decode(bytes);
    const auto report = ScaledDecoder().decode(bytes, kDctScaling, 1, 1, out);
    EXPECT_EQ(image.has_value(), report.has_value()) << entry.path();
  }
}

TEST(ScaledDecoderTest, refuses_a_target_that_does_not_fit) {
  const auto bytes = read_bytes(gantry::test::source("tests/data/decode/444.jpg"));
  std::vector<std::uint8_t> out(11);
  const auto report = ScaledDecoder().decode(bytes, {}, 2, 2, out);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Code::invalid_argument);
}

TEST(RowResizerTest, turns_while_it_scales) {
  RowResizer rows(resize_kernels().front());
  EXPECT_TRUE(rc::check([&] {
    const auto side = rc::gen::oneOf(rc::gen::inRange(1, 6), rc::gen::inRange(1, 80));
    const Target stored{*side, *side};
    const Target target{*side, *side};
    const int tall = *rc::gen::weightedElement<int>({{8, 0}, {1, 1}, {1, 2}});
    Image image = make_noise(stored.width + (tall == 1 ? 100 * stored.height : 0),
                             stored.height + (tall == 2 ? 100 * stored.width : 0),
                             *rc::gen::arbitrary<std::uint32_t>());
    const int orientation = *rc::gen::inRange(1, 9);
    auto by_rows = target.bytes();
    rows.begin({image.width, image.height, orientation}, target.width, target.height,
               by_rows.data());
    const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
    const int together = *rc::gen::inRange(1, 10);
    for (int y = 0; y < image.height; y += together) {
      const std::size_t at = static_cast<std::size_t>(y) * stride;
      rows.push(image.rgb.data() + at, std::min(together, image.height - y), stride,
                image.rgb.size() - at);
    }
    orient(image, orientation);
    auto afterwards = target.bytes();
    RC_ASSERT(Resizer().bilinear(image, target.width, target.height, afterwards).has_value());
    RC_ASSERT(by_rows == afterwards);
  }));
}

}  // namespace
}  // namespace gantry::image
