#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "gantry/test/shared.h"
#include "gantry/xnnpack/backend.h"
#include "one_operator.h"

namespace gantry::xnnpack {
namespace {

/// Fed with noise, which is further from anything that a model knows than any picture: differences
/// of one step an operator add up over its depth, and a detector finds other things in it.
struct Subject {
  const char* file;
  std::size_t least_taken;  ///< operators
  double most_apart;  ///< mean over an output: steps, or relative to the largest of float ones
};

class SharedModels : public testing::TestWithParam<Subject> {};

TEST_P(SharedModels, come_out_as_with_tensorflow_lite) {
  GANTRY_NEEDS_SHARED();
  if (const auto here = available(); !here) {
    GTEST_SKIP() << here.error().message;
  }
  std::ifstream file(test::shared("models") / GetParam().file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto difference = compare(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(difference) << difference.error().message;
  EXPECT_GE(difference->taken, GetParam().least_taken) << difference->why;
  EXPECT_LE(difference->mean, GetParam().most_apart) << "largest " << difference->largest;
}

INSTANTIATE_TEST_SUITE_P(
    Models, SharedModels,
    testing::Values(Subject{"mobilenet_v1_1.0_224_quant.tflite", 30, 1},
                    Subject{"mobilenet_v1_0.25_128_quant.tflite", 30, 1},
                    Subject{"mobilenet_v1_0.25_224_1_default_1_float32.tflite", 31, 1e-5},
                    Subject{"mobilenet_v2_1.0_224_quant.tflite", 65, 1},
                    Subject{"tf2_mobilenet_v2_1.0_224_ptq.tflite", 65, 1},
                    Subject{"mobilenet_edgetpu_0.75_224_post_training_quant.tflite", 76, 1},
                    Subject{"coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite", 63, 1},
                    Subject{"ssdlite_mobiledet_dog_vs_cat.tflite", 124, 1},
                    Subject{"deeplabv3_mnv2_dm05_pascal_quant.tflite", 71, 0.1},
                    Subject{"yolov5n-int8.tflite", 277, 3},
                    Subject{"movenet_single_pose_lightning_ptq.tflite", 118, 0.1},
                    Subject{"ad01_int8.tflite", 10, 1}, Subject{"kws_ref_model.tflite", 12, 1},
                    Subject{"pretrainedResnet_quant.tflite", 15, 16},
                    Subject{"ssd_slim_120x160x1_v1_int8.tflite", 67, 5},
                    Subject{"face_detection_short_range_fp16.tflite", 164, 1e-4},
                    Subject{"mobilenet_v3_small_hybrid_int8_weights.tflite", 64, 1e-2}),
    [](const auto& test) {
      std::string name = std::filesystem::path(test.param.file).stem().string();
      std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace gantry::xnnpack
