#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gantry/postprocess/postprocess.h"

namespace gantry::postprocess {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

template <class T>
Result<std::vector<Class>> classes_of(const std::vector<T>& values, DType dtype,
                                      std::optional<Quantization> quantization,
                                      ClassificationOptions options = {}) {
  const TensorSpec spec{.name = "scores",
                        .dtype = dtype,
                        .shape = {1, static_cast<std::int32_t>(values.size())},
                        .quantization = quantization};
  return classify(spec, std::as_bytes(std::span(values)), options);
}

std::vector<std::int32_t> ids(const std::vector<Class>& classes) {
  std::vector<std::int32_t> result;
  for (const Class& c : classes) {
    result.push_back(c.class_id);
  }
  return result;
}

constexpr Quantization head{.scale = 1.0F / 256, .zero_point = 0};

TEST(Classify, answers_raw_score_and_probability) {
  const auto classes = classes_of<std::uint8_t>({3, 171, 0, 27}, DType::uint8, head, {.top_k = 2});
  ASSERT_TRUE(classes);
  EXPECT_THAT(ids(*classes), testing::ElementsAre(1, 3));
  EXPECT_EQ(classes->front().score, 171.0);
  EXPECT_EQ(classes->front().probability, 171.0 / 256);
}

TEST(Classify, puts_the_lower_index_first_among_equals) {
  const auto classes = classes_of<std::uint8_t>({5, 9, 9, 5, 9}, DType::uint8, head, {.top_k = 4});
  EXPECT_THAT(ids(*classes), testing::ElementsAre(1, 2, 4, 0));
}

TEST(Classify, subtracts_the_zero_point_of_int8) {
  const auto classes =
      classes_of<std::int8_t>({-128, 127}, DType::int8, Quantization{1.0F / 256, -128});
  ASSERT_TRUE(classes);
  EXPECT_EQ(classes->at(0).score, 127.0);
  EXPECT_EQ(classes->at(0).probability, 255.0 / 256);
  EXPECT_EQ(classes->at(1).probability, 0.0);
}

TEST(Classify, keeps_what_reaches_the_threshold) {
  const auto classes =
      classes_of<float>({0.2F, 0.5F, 0.3F}, DType::float32, {}, {.threshold = 0.3});
  EXPECT_THAT(ids(*classes), testing::ElementsAre(1, 2));
  EXPECT_THAT(ids(*classes_of<float>({0.2F}, DType::float32, {}, {.threshold = 1.0})),
              testing::IsEmpty());
}

TEST(Classify, clamps_probabilities_and_not_scores) {
  const auto classes = classes_of<float>({-2, 7}, DType::float32, {});
  EXPECT_EQ(classes->at(0).score, 7.0);
  EXPECT_EQ(classes->at(0).probability, 1.0);
  EXPECT_EQ(classes->at(1).probability, 0.0);
}

TEST(Classify, puts_nan_last_with_probability_0) {
  const auto classes = classes_of<float>({NAN, 0.1F, NAN, 0.2F}, DType::float32, {});
  ASSERT_TRUE(classes);
  EXPECT_THAT(ids(*classes), testing::ElementsAre(3, 1, 0, 2));
  EXPECT_EQ(classes->back().probability, 0.0);
  EXPECT_TRUE(std::isnan(classes->back().score));
  for (const bool softmax : {false, true}) {
    const auto none = classes_of<float>({NAN, NAN}, DType::float32, {}, {.softmax = softmax});
    EXPECT_EQ(none->front().probability, 0.0);
  }
}

TEST(Classify, survives_infinite_logits) {
  const auto one = classes_of<float>({inf, 1, -inf}, DType::float32, {}, {.softmax = true});
  EXPECT_EQ(one->at(0).probability, 1.0);
  EXPECT_EQ(one->at(1).probability, 0.0);
  const auto two = classes_of<float>({inf, inf}, DType::float32, {}, {.softmax = true});
  EXPECT_EQ(two->at(1).probability, 0.5);
  const auto none = classes_of<float>({-inf, -inf}, DType::float32, {}, {.softmax = true});
  EXPECT_EQ(none->at(1).probability, 0.5);
}

TEST(Classify, reads_unquantised_bytes_as_0_to_1) {
  EXPECT_EQ(classes_of<std::uint8_t>({51, 0}, DType::uint8, {})->front().probability, 51 / 255.0);
}

TEST(Classify, refuses_wrong_sizes_dtypes_and_counts) {
  const TensorSpec spec{
      .name = "scores", .dtype = DType::uint8, .shape = {1, 4}, .quantization = {}};
  const std::vector<std::byte> bytes(4);
  EXPECT_TRUE(classify(spec, bytes, {}));
  EXPECT_EQ(classify(spec, std::span(bytes).first(3), {}).error().code, Code::invalid_argument);
  EXPECT_EQ(classify(spec, bytes, {.top_k = 0}).error().code, Code::invalid_argument);
  TensorSpec integers = spec;
  integers.dtype = DType::int32;
  integers.shape = {1, 1};
  EXPECT_EQ(classify(integers, bytes, {}).error().code, Code::invalid_argument);
  TensorSpec empty = spec;
  empty.shape = {1, 0};
  EXPECT_EQ(classify(empty, {}, {}).error().code, Code::invalid_argument);
}

RC_GTEST_PROP(ClassifyProperty, equals_a_full_stable_sort, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::arbitrary<std::vector<std::int8_t>>());
  const int top_k = *rc::gen::inRange(1, 120);
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(top_k)));
  const auto classes =
      classes_of(values, DType::int8, Quantization{0.1F, 3}, {.top_k = top_k, .softmax = true});
  RC_ASSERT(classes.has_value());
  RC_ASSERT(ids(*classes) == order);
}

RC_GTEST_PROP(ClassifyProperty, softmax_sums_to_1, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::arbitrary<std::vector<std::int16_t>>());
  const auto classes =
      classes_of(values, DType::int16, Quantization{0.01F, 0}, {.top_k = 100'000, .softmax = true});
  RC_ASSERT(classes->size() == values.size());
  double sum = 0;
  for (const Class& c : *classes) {
    RC_ASSERT(c.probability >= 0.0);
    sum += c.probability;
  }
  RC_ASSERT(std::abs(sum - 1.0) < 1e-9);
}

}  // namespace
}  // namespace gantry::postprocess
