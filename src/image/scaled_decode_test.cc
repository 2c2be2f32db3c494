#include "gantry/image/scaled_decode.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
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
