#include "gantry/graph/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::graph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Operator i reads the tensors given for it and writes tensor `first + i`.
Graph graph_of(std::size_t inputs, const std::vector<std::vector<std::int32_t>>& reads) {
  Graph graph;
  graph.tensors.resize(inputs + reads.size());
  for (std::size_t i = 0; i < inputs; ++i) {
    graph.inputs.push_back(static_cast<std::int32_t>(i));
  }
  for (std::size_t i = 0; i < reads.size(); ++i) {
    Operator op;
    op.inputs = reads[i];
    op.outputs = {static_cast<std::int32_t>(inputs + i)};
    graph.operators.push_back(op);
  }
  graph.outputs = {static_cast<std::int32_t>(graph.tensors.size() - 1)};
  return graph;
}

TEST(Partition, is_all_that_is_ready_and_not_only_neighbours) {
  // 0 → 1 (not taken) → 3, and 0 → 2: 2 joins 0 although 1 stands between them.
  const Graph graph = graph_of(1, {{0}, {1}, {1}, {2, 3}});
  const auto partitions = partition(graph, Links(graph), {true, false, true, true});
  ASSERT_EQ(partitions.size(), 2U);
  EXPECT_THAT(partitions[0].operators, ElementsAre(0, 2));
  EXPECT_THAT(partitions[0].inputs, ElementsAre(0));
  EXPECT_THAT(partitions[0].outputs, ElementsAre(1, 3));
  EXPECT_THAT(partitions[1].operators, ElementsAre(3));
  EXPECT_THAT(partitions[1].inputs, ElementsAre(2, 3));
  EXPECT_THAT(partitions[1].outputs, ElementsAre(4));
}

TEST(Partition, of_nothing_is_none) {
  const Graph graph = graph_of(1, {{0}, {1}});
  EXPECT_THAT(partition(graph, Links(graph), {false, false}), IsEmpty());
  EXPECT_THAT(partition(Graph{}, Links(Graph{}), {}), IsEmpty());
}

TEST(Partition, constants_do_not_cross_the_border) {
  Graph graph = graph_of(2, {{0, 1, -1}});
  graph.tensors[1].constant = true;
  EXPECT_THAT(partition(graph, Links(graph), {true})[0].inputs, ElementsAre(0));
}

}  // namespace
}  // namespace gantry::graph
