#include "gantry/tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry {
namespace {

TEST(Shape, reads_as_numpy_writes_it) {
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(Shape{1, 224, 224, 3}), "[1,224,224,3]");
  EXPECT_EQ(to_string(Shape{-1}), "[-1]");
}

struct CountCase {
  const char* name;
  Shape shape;
  std::optional<std::size_t> count;
};
class ElementCount : public testing::TestWithParam<CountCase> {};
TEST_P(ElementCount, is_the_product_or_nothing) {
  EXPECT_EQ(element_count(GetParam().shape), GetParam().count);
}
constexpr std::int32_t huge = 2147483647;
INSTANTIATE_TEST_SUITE_P(
    Edges, ElementCount,
    testing::Values(CountCase{"scalar_has_one", {}, 1}, CountCase{"product", {2, 3, 4}, 24},
                    CountCase{"zero_extent_has_none", {2, 0, 4}, 0},
                    CountCase{"negative_is_unknown", {1, -1, 3}, std::nullopt},
                    CountCase{"negative_is_unknown_after_zero", {0, -5}, std::nullopt},
                    CountCase{
                        "two_huge_extents_fit", {huge, huge}, std::size_t{4611686014132420609}},
                    CountCase{"overflow_is_unknown", {huge, huge, huge}, std::nullopt},
                    CountCase{"zero_wins_over_overflow", {huge, huge, huge, 0}, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TensorSpec, knows_its_bytes_where_the_elements_have_a_size) {
  EXPECT_EQ((TensorSpec{"x", DType::float32, {1, 2, 3}, {}}.byte_size()), 24);
  EXPECT_EQ((TensorSpec{"x", DType::string, {3}, {}}.byte_size()), std::nullopt);
  EXPECT_EQ((TensorSpec{"x", DType::uint8, {-1}, {}}.byte_size()), std::nullopt);
  EXPECT_EQ((TensorSpec{"x", DType::float64, {huge, huge}, {}}.byte_size()), std::nullopt);
}

TEST(TensorSpec, describes_itself_for_messages) {
  EXPECT_EQ((TensorSpec{"x", DType::uint8, {1, 224, 224, 3}, {}}.description()),
            "uint8 [1,224,224,3]");
}

TEST(DType, has_numpys_names_and_sizes) {
  EXPECT_EQ(dtype_name(DType::boolean), "bool");
  EXPECT_EQ(dtype_name(DType::float16), "float16");
  EXPECT_EQ(dtype_size(DType::float16), 2);
  EXPECT_EQ(dtype_size(DType::int64), 8);
  EXPECT_EQ(dtype_size(DType::string), 0);
}

}  // namespace
}  // namespace gantry
