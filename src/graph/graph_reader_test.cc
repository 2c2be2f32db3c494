#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/graph/graph.h"
#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"

namespace gantry::graph {
namespace {

using testing::ElementsAre;

TEST(ReadGraph, tells_operators_and_tensors) {
  const auto graph = read_graph(test::pack(*test::residual_object()));
  ASSERT_TRUE(graph) << graph.error().message;
  ASSERT_EQ(graph->operators.size(), 4U);
  EXPECT_EQ(graph->operators[0].op, Op::conv_2d);
  EXPECT_EQ(graph->operators[0].name, "CONV_2D");
  EXPECT_EQ(graph->operators[0].padding, Padding::same);
  EXPECT_EQ(graph->operators[0].stride_w, 1);
  EXPECT_EQ(graph->operators[3].op, Op::add);
  const Tensor& weights =
      graph->tensors.at(static_cast<std::size_t>(graph->operators[0].inputs.at(1)));
  EXPECT_TRUE(weights.constant);
  EXPECT_EQ(weights.dtype, DType::uint8);
  EXPECT_THAT(weights.shape, ElementsAre(16, 1, 1, 16));
  EXPECT_THAT(weights.zero_points, ElementsAre(128));
  EXPECT_EQ(weights.data.size(), 16U * 16U);
  EXPECT_FALSE(graph->tensors[static_cast<std::size_t>(graph->inputs.at(0))].constant);
}

TEST(ReadGraph, needs_no_alignment_and_refuses_what_read_model_refuses) {
  const auto model = test::pack(*test::conv_object({}));
  std::vector<std::byte> shifted(1);
  shifted.insert(shifted.end(), model.begin(), model.end());
  const auto graph = read_graph(std::span(shifted).subspan(1));
  ASSERT_TRUE(graph);
  const auto& data =
      graph->tensors.at(static_cast<std::size_t>(graph->operators[0].inputs.at(1))).data;
  ASSERT_FALSE(data.empty());
  EXPECT_GE(data.data(), shifted.data()) << "constants are borrowed from the bytes given";
  EXPECT_LE(data.data() + data.size(), shifted.data() + shifted.size());
  for (std::size_t size = 0; size < model.size(); size += 7) {
    EXPECT_FALSE(read_graph(std::span(model).first(size))) << size;
  }
}

}  // namespace
}  // namespace gantry::graph
