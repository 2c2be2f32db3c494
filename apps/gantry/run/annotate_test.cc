#include "run/annotate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::cli {
namespace {

TEST(Annotate, BoxesPartlyOutsideStayInsideThePicture) {
  image::Image picture{.width = 20, .height = 10, .rgb = std::vector<std::uint8_t>(600, 128)};
  inference::Response response;
  response.predictions.push_back(
      {.class_id = -3,
       .label = "a label that is much longer than the picture is wide",
       .probability = 0.5,
       .box = inference::Box{.x_min = -5, .y_min = -5, .x_max = 100, .y_max = 100}});
  response.predictions.push_back({.class_id = 7, .label = "naïve", .probability = 1, .box = {}});
  annotate(picture, response);  // the sanitizers watch the borders
  EXPECT_EQ(picture.rgb.size(), 600U);
}
TEST(Annotate, TextTakesOnePlaceACodePoint) {
  EXPECT_EQ(text_size("äb", 2).width, text_size("ab", 2).width);
  EXPECT_EQ(text_size("", 3).width, 0);
}

}  // namespace
}  // namespace gantry::cli
