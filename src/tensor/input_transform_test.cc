#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gantry/tensor/tensor.h"

namespace gantry {
namespace {

using Normalization = InputTransform::Normalization;

TensorSpec input(DType dtype, std::optional<Quantization> quantization,
                 Shape shape = {1, 16, 16, 3}) {
  return {.name = "image", .dtype = dtype, .shape = std::move(shape), .quantization = quantization};
}

/// What each of the 256 samples becomes in a gray picture (R = G = B = sample).
template <class T>
std::vector<T> table(const InputTransform& transform) {
  std::vector<std::uint8_t> rgb(256 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    rgb[i] = static_cast<std::uint8_t>(i / 3);
  }
  const auto channels = static_cast<std::size_t>(transform.channels());
  std::vector<T> elements(256 * channels);
  EXPECT_TRUE(transform.apply(rgb, std::as_writable_bytes(std::span(elements))));
  std::vector<T> first(256);
  for (std::size_t i = 0; i < 256; ++i) {
    first[i] = elements[i * channels];
  }
  return first;
}

struct FeedCase {
  const char* name;
  DType dtype;
  std::optional<Quantization> quantization;
  std::optional<Normalization> normalization;
  double (*wanted)(int sample);
};
double byte(int x) { return x; }
double byte_less_128(int x) { return x - 128; }
double requantised(int x) {
  return std::clamp(std::round((x - 127) / 128.0 / static_cast<double>(0.0115707F)) + 123, 0.0,
                    255.0);
}
class Feeding : public testing::TestWithParam<FeedCase> {};
TEST_P(Feeding, gives_the_published_values) {
  const FeedCase& c = GetParam();
  const auto transform = InputTransform::create(input(c.dtype, c.quantization), c.normalization);
  ASSERT_TRUE(transform) << transform.error().message;
  std::vector<float> values(256);
  if (c.dtype == DType::uint8) {
    std::ranges::copy(table<std::uint8_t>(*transform), values.begin());
  } else if (c.dtype == DType::int8) {
    std::ranges::copy(table<std::int8_t>(*transform), values.begin());
  } else if (c.dtype == DType::int16) {
    std::ranges::copy(table<std::int16_t>(*transform), values.begin());
  } else {
    values = table<float>(*transform);
  }
  for (int x = 0; x < 256; ++x) {
    ASSERT_EQ(values[static_cast<std::size_t>(x)], static_cast<float>(c.wanted(x))) << x;
  }
  EXPECT_EQ(transform->is_identity(), c.dtype == DType::uint8 && c.wanted == byte);
}
INSTANTIATE_TEST_SUITE_P(
    Models, Feeding,
    testing::Values(
        FeedCase{"mobilenet_takes_bytes", DType::uint8, Quantization{0.0078125F, 128}, {}, byte},
        FeedCase{
            "tf2_mobilenet_takes_bytes", DType::uint8, Quantization{0.00784314F, 127}, {}, byte},
        FeedCase{
            "edgetpu_is_requantised", DType::uint8, Quantization{0.0115707F, 123}, {}, requantised},
        FeedCase{"person_detect_takes_x_less_128",
                 DType::int8,
                 Quantization{0.00784314F, -1},
                 {},
                 byte_less_128},
        FeedCase{"resnet8_takes_x_less_128", DType::int8, Quantization{1, -128}, {}, byte_less_128},
        FeedCase{"ssd_slim_takes_x_less_128", DType::int8, Quantization{1, 0}, {}, byte_less_128},
        FeedCase{"yolov5n_takes_bytes", DType::uint8, Quantization{0.00392157F, 0}, {}, byte},
        FeedCase{"movenet_takes_bytes", DType::uint8, std::nullopt, {}, byte},
        FeedCase{"float_is_minus_one_to_one",
                 DType::float32,
                 std::nullopt,
                 {},
                 [](int x) { return (x - 127.5) / 127.5; }},
        FeedCase{"float_follows_its_normalization", DType::float32, std::nullopt,
                 Normalization{.mean = {0}, .stddev = {1}}, byte},
        FeedCase{
            "int16_without_quantization_takes_the_sample", DType::int16, std::nullopt, {}, byte},
        FeedCase{"int16_follows_its_quantization", DType::int16, Quantization{0.0009765625F, 0},
                 Normalization{.mean = {128}, .stddev = {128}},
                 [](int x) { return (x - 128) * 8.0; }},
        FeedCase{"metadata_of_mobilenet_is_recognised_as_bytes", DType::uint8,
                 Quantization{0.0078125F, 128}, Normalization{.mean = {127.5F}, .stddev = {127.5F}},
                 byte},
        FeedCase{"a_real_normalization_is_not", DType::uint8, Quantization{0.0078125F, 128},
                 Normalization{.mean = {0}, .stddev = {255}},
                 [](int x) { return std::min(255.0, std::round(x / 255.0 * 128) + 128); }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(InputTransform, gives_each_channel_its_own_normalization) {
  const auto transform =
      InputTransform::create(input(DType::float32, {}, {1, 1, 2, 3}),
                             Normalization{.mean = {1, 2, 3}, .stddev = {1, 2, 4}});
  ASSERT_TRUE(transform);
  const std::vector<std::uint8_t> rgb{1, 4, 11, 0, 0, 255};
  std::vector<float> out(6);
  ASSERT_TRUE(transform->apply(rgb, std::as_writable_bytes(std::span(out))));
  EXPECT_THAT(out, testing::ElementsAre(0.0F, 1.0F, 2.0F, -1.0F, -1.0F, 63.0F));
}

TEST(InputTransform, makes_luma_as_pillow_does) {
  const auto transform = InputTransform::create(input(DType::uint8, {}, {1, 1, 6, 1}), {});
  ASSERT_TRUE(transform);
  EXPECT_FALSE(transform->is_identity());
  const std::vector<std::uint8_t> rgb{255, 0, 0, 0, 255, 0, 0,  0,   255,
                                      1,   1, 1, 9, 8,   7, 20, 200, 100};
  std::vector<std::uint8_t> out(6);
  ASSERT_TRUE(transform->apply(rgb, std::as_writable_bytes(std::span(out))));
  // Image.frombytes("RGB", (6, 1), …).convert("L") of Pillow 12.
  EXPECT_THAT(out, testing::ElementsAre(76, 150, 29, 1, 8, 135));
}

TEST(InputTransform, refuses_sizes_that_are_not_its_own) {
  const auto transform = InputTransform::create(input(DType::uint8, {}, {1, 2, 2, 3}), {});
  ASSERT_TRUE(transform);
  std::vector<std::uint8_t> rgb(12);
  std::vector<std::byte> out(12);
  EXPECT_TRUE(transform->apply(rgb, out));
  EXPECT_EQ(transform->apply(std::span(rgb).first(9), out).error().code, Code::invalid_argument);
  EXPECT_EQ(transform->apply(rgb, std::span(out).first(11)).error().code, Code::invalid_argument);
}

struct RefusalCase {
  const char* name;
  TensorSpec spec;
  std::optional<Normalization> normalization;
  const char* message;
};
class Refusal : public testing::TestWithParam<RefusalCase> {};
TEST_P(Refusal, names_the_tensor_and_what_was_wanted) {
  const auto transform = InputTransform::create(GetParam().spec, GetParam().normalization);
  ASSERT_FALSE(transform);
  EXPECT_EQ(transform.error().code, Code::failed_precondition);
  EXPECT_THAT(transform.error().message, testing::HasSubstr("input \"image\""));
  EXPECT_THAT(transform.error().message, testing::HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Edges, Refusal,
    testing::Values(
        RefusalCase{"nchw", input(DType::float32, {}, {1, 3, 224, 224}), {}, "[1,3,224,224]"},
        RefusalCase{"batch", input(DType::uint8, {}, {8, 4, 4, 3}), {}, "[8,4,4,3]"},
        RefusalCase{"dynamic", input(DType::uint8, {}, {1, -1, -1, 3}), {}, "[1,-1,-1,3]"},
        RefusalCase{"rank_2", input(DType::uint8, {}, {1, 640}), {}, "[1,640]"},
        RefusalCase{"dtype", input(DType::int64, {}), {}, "int64"},
        RefusalCase{"scale_zero", input(DType::uint8, Quantization{0, 0}), {}, "positive scale"},
        RefusalCase{"scale_nan", input(DType::uint8, Quantization{NAN, 0}), {}, "positive scale"},
        RefusalCase{"two_means", input(DType::uint8, {}),
                    Normalization{.mean = {1, 2}, .stddev = {1}}, "mean"},
        RefusalCase{"no_stddev", input(DType::uint8, {}), Normalization{.mean = {1}, .stddev = {}},
                    "stddev"},
        RefusalCase{"stddev_zero", input(DType::uint8, {}),
                    Normalization{.mean = {1}, .stddev = {0}}, "stddev"},
        RefusalCase{"mean_nan", input(DType::uint8, {}),
                    Normalization{.mean = {NAN}, .stddev = {1}}, "mean"}),
    [](const auto& test) { return std::string(test.param.name); });

RC_GTEST_PROP(InputTransformProperty, quantised_values_dequantise_to_within_half_a_step,
              (std::uint8_t zero_point)) {
  const float scale = static_cast<float>(*rc::gen::inRange(1, 1000)) / 10000.0F;
  const float mean = static_cast<float>(*rc::gen::inRange(0, 256));
  const float stddev = static_cast<float>(*rc::gen::inRange(1, 256));
  const Quantization quantization{scale, zero_point};
  const auto transform = InputTransform::create(input(DType::uint8, quantization),
                                                Normalization{.mean = {mean}, .stddev = {stddev}});
  RC_ASSERT(transform.has_value());
  RC_PRE(!transform->is_identity());
  const std::vector<std::uint8_t> values = table<std::uint8_t>(*transform);
  std::vector<float> real(256);
  RC_ASSERT(
      dequantize(std::as_bytes(std::span(values)), DType::uint8, quantization, real).has_value());
  for (std::size_t x = 0; x < 256; ++x) {
    const double wanted = (static_cast<double>(x) - mean) / stddev;
    const double least = scale * (0.0 - zero_point);
    const double most = scale * (255.0 - zero_point);
    const double nearest = std::clamp(wanted, least, most);
    RC_ASSERT(std::abs(static_cast<double>(real[x]) - nearest) <= scale * 0.5001);
    RC_ASSERT((x == 0 || values[x] >= values[x - 1]));
  }
}

}  // namespace
}  // namespace gantry
