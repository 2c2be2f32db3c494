#include "gantry/npu/cost.h"

#include <gtest/gtest.h>

#include "cbuf.h"
#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"

namespace gantry::npu {
namespace {

ConvShape square(std::int64_t side, std::int64_t channels, std::int64_t kernel, std::int64_t stride,
                 std::int64_t out_side, std::int64_t out_channels) {
  return {.batch = 1,
          .height = side,
          .width = side,
          .channels = channels,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .filter_channels = channels,
          .out_height = out_side,
          .out_width = out_side,
          .out_channels = out_channels,
          .depthwise = false,
          .padding = Padding::same,
          .stride_height = stride,
          .stride_width = stride};
}

// The two layers of section E.9 whose slices were seen.
TEST(Cbuf, cuts_as_the_library_was_seen_to) {
  const CbufPlan first = plan_cbuf(square(224, 3, 3, 2, 112, 32));
  EXPECT_EQ(first.rows, 91);
  EXPECT_EQ(first.weight_banks, 2);
  EXPECT_EQ(first.usable_banks, 10);
  EXPECT_EQ(first.tasks, 3U);
  const CbufPlan second = plan_cbuf(square(112, 32, 3, 1, 112, 64));
  EXPECT_EQ(second.rows, 91);
  EXPECT_EQ(second.tasks, 2U);
}

TEST(Cost, counts_multiplications_bytes_and_tasks) {
  const auto graph = graph::read_graph(
      test::pack(*test::conv_object({.side = 8, .channels = 16, .out_channels = 32, .kernel = 3})));
  ASSERT_TRUE(graph);
  const Cost cost = cost_of(*graph, classify(*graph, mesa_26_1));
  EXPECT_EQ(cost.total_macs, 8U * 8 * 32 * 3 * 3 * 16);
  EXPECT_EQ(cost.share(), 1);
  ASSERT_EQ(cost.partitions.size(), 1U);
  EXPECT_EQ(cost.npu.bytes_in, 8U * 8 * 16);
  EXPECT_EQ(cost.npu.bytes_out, 8U * 8 * 32);
  EXPECT_EQ(cost.npu.tasks, 1U);
  EXPECT_GT(cost.npu.ms, 0.075);  // one task and one partition
  EXPECT_LT(cost.npu.ms, 0.1);
}

TEST(Cost, of_a_model_without_multiplications_is_nothing) {
  const auto graph = graph::read_graph(test::color_classifier());
  ASSERT_TRUE(graph);
  const Cost cost = cost_of(*graph, classify(*graph, mesa_26_1));
  EXPECT_EQ(cost.total_macs, 0U);
  EXPECT_EQ(cost.share(), 0);
  EXPECT_EQ(cost.npu.ms, 0);
}

}  // namespace
}  // namespace gantry::npu
