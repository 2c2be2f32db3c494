#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "gantry/base/file.h"
#include "gantry/npu/cost.h"
#include "gantry/npu/rules.h"
#include "gantry/test/shared.h"

// Real models, against what was seen of them with the released library (rocket-npu.md, section I).
namespace gantry::npu {
namespace {

Graph read_shared(const std::string& name) {
  const auto bytes = read_file(test::shared("models/" + name), std::size_t{1} << 26U);
  EXPECT_TRUE(bytes) << bytes.error().message;
  auto graph = graph::read_graph(*bytes);
  EXPECT_TRUE(graph) << name << ": " << graph.error().message;
  return graph.value_or(Graph{});
}

/// Each rule that applies, with the number of operators.
std::string summary(const Classification& classification) {
  std::map<std::string_view, int> counts;
  for (const Placement& placement : classification.operators) {
    for (const Finding& finding : placement.findings) {
      ++counts[finding.rule->id];
    }
  }
  std::string out;
  for (const auto& [id, count] : counts) {
    out += " " + std::string(id) + "×" + std::to_string(count);
  }
  return out;
}

struct Seen {
  const char* model;
  std::set<Verdict> with_26_1;
  std::set<Verdict> with_26_2;
};

const std::set<Verdict> right{Verdict::npu, Verdict::cpu};
const std::set<Verdict> wrong{Verdict::wrong};
const std::set<Verdict> crash{Verdict::crash};

class SharedModel : public testing::TestWithParam<Seen> {};
TEST_P(SharedModel, is_told_as_it_was_seen) {
  GANTRY_NEEDS_SHARED();
  const Graph graph = read_shared(GetParam().model);
  for (const auto& [mesa, seen] :
       {std::pair(mesa_26_1, GetParam().with_26_1), std::pair(mesa_26_2, GetParam().with_26_2)}) {
    const Classification classification = classify(graph, mesa);
    EXPECT_TRUE(seen.contains(classification.alone_verdict()))
        << mesa.text() << ": " << verdict_name(classification.alone_verdict())
        << summary(classification);
  }
}
INSTANTIATE_TEST_SUITE_P(
    SectionI, SharedModel,
    testing::Values(
        Seen{"mobilenet_v1_1.0_224_quant.tflite", right, right},
        Seen{"mobilenet_v1_0.25_128_quant.tflite", right, right},
        Seen{"mobilenet_v1_0.25_224_quant.tflite", right, right},
        Seen{"mobilenet_v2_1.0_224_quant.tflite", wrong, right},
        Seen{"coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite", wrong, wrong},
        Seen{"mobilenet_v1_0.25_224_1_default_1_float32.tflite", wrong, wrong},
        Seen{"ops/gabor_64x64_p4.tflite", wrong, wrong},
        Seen{"ops/weight_shared_between_convs.tflite", wrong, wrong},
        Seen{"deeplabv3_mnv2_dm05_pascal_quant.tflite", crash, crash},
        Seen{"face_detection_short_range_fp16.tflite", crash, crash},
        Seen{"mobilenet_edgetpu_0.75_224_post_training_quant.tflite", crash, crash},
        Seen{"mobilenet_v3_small_hybrid_int8_weights.tflite", crash, crash},
        Seen{"movenet_single_pose_lightning_ptq.tflite", crash, crash},
        Seen{"pretrainedResnet_quant.tflite", crash, crash},
        Seen{"ssdlite_mobiledet_dog_vs_cat.tflite", crash, crash},
        Seen{"tf2_mobilenet_v2_1.0_224_ptq.tflite", crash, crash},
        Seen{"yolov5n-int8.tflite", crash, crash},
        Seen{"ops/add_quantized_uint8.tflite", crash, crash},
        Seen{"ops/add_quantized_int8.tflite", crash, crash},
        Seen{"ops/constant_output_tensor.tflite", crash, crash},
        Seen{"ops/sample_6d_two_input_one_output.tflite", crash, crash},
        Seen{"ops/simple_quantized_ops.tflite", crash, crash},
        Seen{"ops/single_add_a8w8.tflite", crash, crash},
        Seen{"ops/single_add_a16w8.tflite", crash, crash}, Seen{"ad01_int8.tflite", right, right},
        Seen{"hello_world_int8.tflite", right, right},
        Seen{"keras_lstm_mnist_ptq.tflite", right, right},
        Seen{"kws_ref_model.tflite", right, right},
        Seen{"ssd_slim_120x160x1_v1_int8.tflite", right, right},
        Seen{"split_concat.tflite", right, right},
        Seen{"seanet_conv0_int16x8.tflite", right, right},
        Seen{"ops/matmul_quant.tflite", right, right}, Seen{"ops/mul_quant.tflite", right, right},
        Seen{"ops/single_mul_a8w8.tflite", right, right}, Seen{"ops/pc_conv.tflite", right, right},
        Seen{"ops/simple_32_in_32_out.tflite", right, right}),
    [](const auto& test) {
      std::string name = test.param.model;
      for (char& c : name) {
        c = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
      }
      return name;
    });

TEST(SharedModels, that_abort_the_delegate_are_not_read_at_all) {
  GANTRY_NEEDS_SHARED();
  const auto bytes =
      read_file(test::shared("models/ops/blockwise_quantized_int4.tflite"), std::size_t{1} << 20U);
  ASSERT_TRUE(bytes);
  EXPECT_FALSE(graph::read_graph(*bytes));
}

TEST(SharedModels, that_run_right_are_wholly_on_the_npu) {
  GANTRY_NEEDS_SHARED();
  for (const char* const name :
       {"mobilenet_v1_1.0_224_quant.tflite", "mobilenet_v2_1.0_224_quant.tflite"}) {
    const Graph graph = read_shared(name);
    const Classification classification = classify(graph, mesa_26_2);
    const Cost cost = cost_of(graph, classification);
    EXPECT_EQ(cost.share(), 1) << name;
    EXPECT_EQ(classification.guarded.size(), 2U) << name;  // the last 1x1 is behind the pooling
  }
}

TEST(SharedModels, mobilenet_v1_takes_the_tasks_that_were_counted) {
  GANTRY_NEEDS_SHARED();
  const Graph graph = read_shared("mobilenet_v1_1.0_224_quant.tflite");
  const Cost cost = cost_of(graph, classify(graph, mesa_26_1));
  ASSERT_EQ(cost.partitions.size(), 2U);
  EXPECT_EQ(cost.partitions[0].tasks, 41U);  // section F: 27 convolutions, 41 tasks
  EXPECT_EQ(cost.partitions[1].tasks, 1U);
  EXPECT_EQ(cost.total_macs, 568'741'376U);
}

}  // namespace
}  // namespace gantry::npu
