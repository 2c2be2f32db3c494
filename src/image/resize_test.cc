#include "gantry/image/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

#include "gantry/test/shared.h"
#include "resize_kernels.h"
#include "test_data.h"

namespace gantry::image {
namespace {

using test::make_noise;

static_assert(!std::is_copy_constructible_v<Resizer>);

// A second, plain implementation: one sample at a time, straight from the definition, the weights
// of each output computed where they are used.
// NOLINTBEGIN(bugprone-incorrect-roundings): the definition's casts, on purpose
std::vector<std::uint8_t> filter_line(const std::vector<std::uint8_t>& line, int target) {
  const int size = static_cast<int>(line.size());
  if (size == target) {
    return line;
  }
  std::vector<std::uint8_t> result;
  const double scale = double(size) / target;
  const double radius = scale < 1.0 ? 1.0 : scale;
  for (int output = 0; output < target; ++output) {
    const double center = (output + 0.5) * scale;
    const int begin = std::max(0, int(center - radius + 0.5));
    const int end = std::min(size, int(center + radius + 0.5));
    std::vector<double> heights;
    double total = 0.0;
    for (int i = begin; i < end; ++i) {
      const double from_center = std::fabs((i - begin + begin - center + 0.5) * (1.0 / radius));
      heights.push_back(from_center < 1.0 ? 1.0 - from_center : 0.0);
      total += heights.back();
    }
    long long sum = 1 << 21;
    for (int i = begin; i < end; ++i) {
      const double weight = heights[static_cast<std::size_t>(i - begin)] / total;
      sum += line[static_cast<std::size_t>(i)] * static_cast<long long>(weight * 4194304.0 + 0.5);
    }
    result.push_back(static_cast<std::uint8_t>(std::clamp(sum >> 22, 0LL, 255LL)));
  }
  return result;
}

// NOLINTEND(bugprone-incorrect-roundings)

Image swap_axes(const Image& image) {
  Image swapped{image.height, image.width, {}};
  for (int x = 0; x < image.width; ++x) {
    for (int y = 0; y < image.height; ++y) {
      const auto pixel = image.rgb.begin() + std::ptrdiff_t{3} * (y * image.width + x);
      swapped.rgb.insert(swapped.rgb.end(), pixel, pixel + 3);
    }
  }
  return swapped;
}

Image filter_rows(const Image& source, int width) {
  Image result{width, source.height, {}};
  for (int y = 0; y < source.height; ++y) {
    std::vector<std::vector<std::uint8_t>> channels(3);
    const auto row = source.rgb.begin() + std::ptrdiff_t{3} * y * source.width;
    for (std::ptrdiff_t i = 0; i < source.width * 3; ++i) {
      channels[static_cast<std::size_t>(i % 3)].push_back(row[i]);
    }
    for (auto& channel : channels) {
      channel = filter_line(channel, width);
    }
    for (int i = 0; i < width * 3; ++i) {
      result.rgb.push_back(
          channels[static_cast<std::size_t>(i % 3)][static_cast<std::size_t>(i / 3)]);
    }
  }
  return result;
}

Image resize_plainly(const Image& source, int width, int height) {
  const auto filter_columns = [height](const Image& image) {
    return swap_axes(filter_rows(swap_axes(image), height));
  };
  // Pillow's Image.resize() turns the order round for very tall pictures.
  if (source.height > 100 * source.width && height < source.height) {
    return filter_rows(filter_columns(source), width);
  }
  return filter_columns(filter_rows(source, width));
}

std::vector<std::uint8_t> resize_with(Resizer& resizer, const Image& source, int width,
                                      int height) {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(width * height * 3), 0xEE);
  const auto done = resizer.bilinear(source, width, height, out);
  EXPECT_TRUE(done.has_value()) << done.error().message;
  return out;
}

class ResizeKernelTest : public testing::TestWithParam<const ResizeKernels*> {};

INSTANTIATE_TEST_SUITE_P(All, ResizeKernelTest, testing::ValuesIn([] {
                           std::vector<const ResizeKernels*> all;
                           for (const ResizeKernels& kernels : resize_kernels()) {
                             all.push_back(&kernels);
                           }
                           return all;
                         }()),
                         [](const auto& test) {
                           std::string name = test.param->name;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// tests/data/resize/make_golden.py made the table with Pillow.
TEST_P(ResizeKernelTest, equals_pillow_to_the_last_bit) {
  std::ifstream table(gantry::test::source("tests/data/resize/golden.txt"));
  Resizer resizer(*GetParam());
  int in_width = 0;
  int in_height = 0;
  int width = 0;
  int height = 0;
  std::string kind;
  std::uint32_t seed = 0;
  std::string crc;
  int cases = 0;
  while (table >> in_width >> in_height >> width >> height >> kind >> seed >> crc) {
    const Image source = make_noise(in_width, in_height, seed, kind == "edges");
    const auto out = resize_with(resizer, source, width, height);
    EXPECT_EQ(test::crc32_of(out), std::stoul(crc, nullptr, 16))
        << in_width << "x" << in_height << " to " << width << "x" << height;
    ++cases;
  }
  EXPECT_GT(cases, 400);
}

TEST_P(ResizeKernelTest, equals_the_plain_implementation_for_any_sizes) {
  Resizer resizer(*GetParam());
  EXPECT_TRUE(rc::check([&] {
    const auto side = rc::gen::oneOf(rc::gen::inRange(1, 6), rc::gen::inRange(1, 80));
    const int in_width = *side;
    const int in_height = *side;
    const int width = *side;
    const int height = *side;
    const int tall = *rc::gen::weightedElement<int>({{9, 0}, {1, 100}});
    const Image source =
        make_noise(in_width, in_height + tall * in_width, *rc::gen::arbitrary<std::uint32_t>(),
                   *rc::gen::arbitrary<bool>());
    RC_ASSERT(resize_with(resizer, source, width, height) ==
              resize_plainly(source, width, height).rgb);
  }));
}

TEST_P(ResizeKernelTest, keeps_a_picture_of_one_colour) {
  Resizer resizer(*GetParam());
  for (const int value : {0, 1, 127, 254, 255}) {
    const Image source{50, 40, std::vector<std::uint8_t>(6000, static_cast<std::uint8_t>(value))};
    EXPECT_THAT(resize_with(resizer, source, 33, 71),
                testing::Each(static_cast<std::uint8_t>(value)));
  }
}

TEST(ResizerTest, forgets_the_sizes_of_the_call_before) {
  Resizer reused;
  for (const auto& [width, height] : {std::pair{40, 30}, {30, 40}, {40, 30}, {1, 1}, {7, 40}}) {
    const Image source = make_noise(width, height, 5);
    Resizer fresh;
    EXPECT_EQ(resize_with(reused, source, 20, 25), resize_with(fresh, source, 20, 25));
  }
}

TEST(ResizerTest, refuses_what_does_not_fit) {
  Resizer resizer;
  std::vector<std::uint8_t> out(12);
  const auto code = [&](const Image& source, int width, int height) {
    const auto done = resizer.bilinear(source, width, height, out);
    return done ? std::optional<Code>() : done.error().code;
  };
  const Image good = make_noise(3, 3, 1);
  EXPECT_EQ(code(good, 2, 2), std::nullopt);
  EXPECT_EQ(code(good, 2, 3), Code::invalid_argument);
  EXPECT_EQ(code(good, 0, 0), Code::invalid_argument);
  EXPECT_EQ(code(good, -2, -2), Code::invalid_argument);
  EXPECT_EQ(code(Image{}, 2, 2), Code::invalid_argument);
  EXPECT_EQ(code(Image{3, 3, std::vector<std::uint8_t>(26)}, 2, 2), Code::invalid_argument);
  out.clear();
  EXPECT_EQ(code(good, 0, 0), Code::invalid_argument);
}

}  // namespace
}  // namespace gantry::image
