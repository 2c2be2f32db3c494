#include "gantry/graph/more_outputs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gantry/graph/graph.h"
#include "gantry/test/model_object.h"

namespace gantry::graph {
namespace {

TEST(WithOutputs, AddsTensorsBehindTheModelsOwn) {
  const auto model = test::pack(*test::residual_object());
  const auto before = read_graph(model);
  ASSERT_TRUE(before);
  const std::int32_t inner = before->operators[1].outputs[0];
  const std::int32_t own = before->outputs[0];
  const auto made = with_outputs(model, std::vector{inner, own, inner});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->outputs, (std::vector{own, inner}));
  const auto after = read_graph(made->model);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->outputs, made->outputs);
  EXPECT_EQ(after->inputs, before->inputs);
  EXPECT_EQ(after->operators.size(), before->operators.size());
  EXPECT_EQ(std::ranges::count(after->tensors, true, &Tensor::constant),
            std::ranges::count(before->tensors, true, &Tensor::constant));
}

TEST(WithOutputs, RefusesWhatIsNoTensorOrNoModel) {
  const auto model = test::pack(*test::residual_object());
  EXPECT_EQ(with_outputs(model, std::vector{1000}).error().code, Code::out_of_range);
  EXPECT_EQ(with_outputs(model, std::vector{-1}).error().code, Code::out_of_range);
  EXPECT_EQ(with_outputs(std::span(model).first(20), std::vector{0}).error().code,
            Code::invalid_argument);
}

}  // namespace
}  // namespace gantry::graph
