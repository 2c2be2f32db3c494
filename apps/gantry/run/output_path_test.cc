#include "run/output_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::cli {
namespace {

TEST(OutputPath, OneInputGoesWhereTheUserSaid) {
  EXPECT_EQ(output_path("a/o.png", "cat.jpg", 0, 1, ".png"), "a/o.png");
}
TEST(OutputPath, SeveralInputsAreNumbered) {
  EXPECT_EQ(output_path("a/o.png", "cat.jpg", 0, 2, ".png"), "a/o-1.png");
  EXPECT_EQ(output_path("o.png", "dog.jpg", 1, 2, ".png"), "o-2.png");
}
TEST(OutputPath, AFolderGetsFilesNamedAfterTheInputs) {
  EXPECT_EQ(output_path("boxes/", "photos/cat.jpg", 0, 1, ".png"), "boxes/cat.png");
  EXPECT_EQ(output_path("boxes/", "photos/cat.jpg", 2, 3, ".png"), "boxes/3-cat.png");
  EXPECT_EQ(output_path("boxes/", "-", 0, 1, ".npy"), "boxes/stdin.npy");
}

}  // namespace
}  // namespace gantry::cli
