#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>

#include "gantry/tensor/tensor.h"

namespace gantry {
namespace {

template <class T>
Result<std::vector<float>> real_values(const std::vector<T>& values, DType dtype,
                                       std::optional<Quantization> quantization = {}) {
  std::vector<float> out(values.size());
  auto done = dequantize(std::as_bytes(std::span(values)), dtype, quantization, out);
  if (!done) {
    return std::unexpected(done.error());
  }
  return out;
}

TEST(Dequantize, follows_scale_and_zero_point) {
  EXPECT_THAT(
      real_values<std::uint8_t>({0, 128, 255}, DType::uint8, Quantization{0.5F, 128}).value(),
      testing::ElementsAre(-64.0F, 0.0F, 63.5F));
  EXPECT_THAT(real_values<std::int8_t>({-128, 127}, DType::int8, Quantization{0.25F, -128}).value(),
              testing::ElementsAre(0.0F, 63.75F));
  EXPECT_THAT(real_values<std::int16_t>({-32768}, DType::int16, Quantization{2.0F, 0}).value(),
              testing::ElementsAre(-65536.0F));
}

TEST(Dequantize, takes_the_value_itself_without_a_quantization) {
  EXPECT_THAT(real_values<std::int64_t>({-3, 20}, DType::int64).value(),
              testing::ElementsAre(-3.0F, 20.0F));
  EXPECT_THAT(real_values<float>({1.5F}, DType::float32).value(), testing::ElementsAre(1.5F));
  EXPECT_THAT(real_values<double>({0.1}, DType::float64).value(), testing::ElementsAre(0.1F));
  EXPECT_THAT(real_values<std::uint8_t>({0, 1}, DType::boolean).value(),
              testing::ElementsAre(0.0F, 1.0F));
}

TEST(Dequantize, reads_half_floats) {
  const auto values = real_values<std::uint16_t>(
      {0x0000, 0x3C00, 0xC000, 0x7BFF, 0x0001, 0x0400, 0x7C00, 0xFC00, 0x7E00}, DType::float16);
  ASSERT_TRUE(values);
  EXPECT_THAT(
      std::span(*values).first(8),
      testing::ElementsAre(0.0F, 1.0F, -2.0F, 65504.0F, 0x1p-24F, 0x1p-14F, INFINITY, -INFINITY));
  EXPECT_TRUE(std::isnan(values->back()));
}

TEST(Dequantize, refuses_wrong_sizes_and_strings) {
  std::vector<std::byte> bytes(7);
  std::vector<float> out(2);
  EXPECT_EQ(dequantize(bytes, DType::float32, {}, out).error().code, Code::invalid_argument);
  bytes.resize(4);
  EXPECT_EQ(dequantize(bytes, DType::float32, {}, out).error().code, Code::invalid_argument);
  EXPECT_EQ(dequantize(bytes, DType::string, {}, out).error().code, Code::invalid_argument);
}

RC_GTEST_PROP(DequantizeProperty, equals_float_arithmetic_for_every_byte,
              (std::uint8_t zero_point)) {
  const float scale = static_cast<float>(*rc::gen::inRange(1, 1 << 20)) * 0x1p-18F;
  std::vector<std::uint8_t> all(256);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint8_t>(i);
  }
  const auto real = real_values(all, DType::uint8, Quantization{scale, zero_point});
  RC_ASSERT(real.has_value());
  for (int i = 0; i < 256; ++i) {
    RC_ASSERT(real->at(static_cast<std::size_t>(i)) == scale * static_cast<float>(i - zero_point));
  }
}

}  // namespace
}  // namespace gantry
