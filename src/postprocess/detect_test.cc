#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "gantry/postprocess/postprocess.h"

namespace gantry::postprocess {
namespace {

/// One row of the operator's outputs.
struct Row {
  float y_min = 0.1F, x_min = 0.2F, y_max = 0.5F, x_max = 0.6F;
  float class_id = 0;
  float score = 0.9F;
};

Result<std::vector<Detection>> detections_of(const std::vector<Row>& rows, float count,
                                             DetectionOptions options = {}) {
  std::vector<float> boxes;
  std::vector<float> classes;
  std::vector<float> scores;
  for (const Row& row : rows) {
    boxes.insert(boxes.end(), {row.y_min, row.x_min, row.y_max, row.x_max});
    classes.push_back(row.class_id);
    scores.push_back(row.score);
  }
  return detect({.boxes = boxes, .classes = classes, .scores = scores, .count = count}, options);
}

std::size_t number_of(const Row& row) { return detections_of({row}, 1)->size(); }

TEST(Detect, turns_rows_into_boxes_best_first) {
  const auto found = detections_of({{.class_id = 17, .score = 0.6F},
                                    {.y_min = -0.5F, .x_max = 2.0F, .class_id = 16, .score = 0.8F},
                                    {.score = 0.4F}},
                                   3);
  ASSERT_EQ(found->size(), 2);
  const Detection& first = found->front();
  EXPECT_EQ(first.best.class_id, 16);
  EXPECT_FLOAT_EQ(static_cast<float>(first.best.probability), 0.8F);
  EXPECT_EQ(first.y_min, 0.0F);
  EXPECT_EQ(first.x_min, 0.2F);
  EXPECT_EQ(first.y_max, 0.5F);
  EXPECT_EQ(first.x_max, 1.0F);
}

TEST(Detect, keeps_the_order_of_equal_scores) {
  const auto found = detections_of({{.class_id = 3}, {.class_id = 1}, {.class_id = 2}}, 3);
  EXPECT_EQ(found->at(0).best.class_id, 3);
  EXPECT_EQ(found->at(2).best.class_id, 2);
}

TEST(Detect, believes_no_count_outside_of_the_rows) {
  const std::vector<Row> rows(3);
  EXPECT_EQ(detections_of(rows, 2)->size(), 2);
  EXPECT_EQ(detections_of(rows, 0)->size(), 0);
  EXPECT_EQ(detections_of(rows, -1)->size(), 0);
  EXPECT_EQ(detections_of(rows, 1e30F)->size(), 3);
  EXPECT_EQ(detections_of(rows, NAN)->size(), 0);
}

TEST(Detect, drops_rows_that_are_no_boxes) {
  EXPECT_EQ(number_of({}), 1);
  EXPECT_EQ(number_of({.y_min = NAN}), 0);
  EXPECT_EQ(number_of({.score = NAN}), 0);
  EXPECT_EQ(number_of({.class_id = NAN}), 0);
  EXPECT_EQ(number_of({.class_id = -1}), 0);
  EXPECT_EQ(number_of({.class_id = 1e20F}), 0);
  EXPECT_EQ(number_of({.y_min = 0.5F, .y_max = 0.5F}), 0) << "empty";
  EXPECT_EQ(number_of({.x_min = 0.9F, .x_max = 0.1F}), 0) << "turned round";
  EXPECT_EQ(number_of({.x_min = 1.1F, .x_max = 1.5F}), 0) << "beside the picture";
  EXPECT_EQ(number_of({.score = 0.499F}), 0) << "below the threshold";
}

TEST(Detect, answers_at_most_top_k) {
  EXPECT_EQ(detections_of(std::vector<Row>(5), 5, {.top_k = 2})->size(), 2);
  EXPECT_EQ(detections_of({Row{}}, 1, {.top_k = 0}).error().code, Code::invalid_argument);
}

TEST(Detect, refuses_sizes_that_do_not_agree) {
  const std::vector<float> two(2);
  const std::vector<float> eight(8);
  EXPECT_TRUE(detect({.boxes = eight, .classes = two, .scores = two, .count = 2}, {}));
  EXPECT_FALSE(detect({.boxes = two, .classes = two, .scores = two, .count = 2}, {}));
  EXPECT_FALSE(detect({.boxes = eight, .classes = eight, .scores = two, .count = 2}, {}));
}

RC_GTEST_PROP(DetectProperty, boxes_lie_within_the_picture, (const std::vector<float>& noise)) {
  const std::size_t rows = noise.size() / 6;
  const std::span<const float> all(noise);
  const auto found = detect({.boxes = all.first(rows * 4),
                             .classes = all.subspan(rows * 4, rows),
                             .scores = all.subspan(rows * 5, rows),
                             .count = static_cast<float>(rows)},
                            {.threshold = 0});
  RC_ASSERT(found.has_value());
  for (const Detection& d : *found) {
    RC_ASSERT((d.x_min >= 0 && d.x_min < d.x_max && d.x_max <= 1));
    RC_ASSERT((d.y_min >= 0 && d.y_min < d.y_max && d.y_max <= 1));
    RC_ASSERT((d.best.probability >= 0 && d.best.probability <= 1));
  }
}

}  // namespace
}  // namespace gantry::postprocess
