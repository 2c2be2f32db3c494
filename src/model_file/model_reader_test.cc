#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <functional>

#include "gantry/base/file.h"
#include "gantry/model_file/model_info.h"
#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"
#include "gantry/test/shared.h"

namespace gantry::model_file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ReadModel, tells_what_a_classifier_is) {
  const auto info = read_model(test::color_classifier());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->task, Task::classification);
  EXPECT_EQ(info->activation, Activation::none);
  EXPECT_EQ(info->description, "A model made for tests");
  ASSERT_THAT(info->inputs, SizeIs(1));
  EXPECT_EQ(info->inputs[0].name, "image");
  EXPECT_EQ(info->inputs[0].description(), "uint8 [1,8,8,3]");
  EXPECT_EQ(info->inputs[0].quantization, (Quantization{1.0F / 256, 0}));
  ASSERT_THAT(info->outputs, SizeIs(1));
  EXPECT_EQ(info->outputs[0].description(), "uint8 [1,3]");
  ASSERT_THAT(info->operators, SizeIs(2));
  EXPECT_EQ(info->operators[0].name, "AVERAGE_POOL_2D");
  EXPECT_FALSE(info->operators[0].custom);
  EXPECT_THAT(info->operators[0].inputs, ElementsAre(0));
  EXPECT_THAT(info->operators[0].outputs, ElementsAre(1));
  EXPECT_THAT(info->labels, ElementsAre("red", "green", "blue"));
  EXPECT_EQ(info->normalization,
            (InputTransform::Normalization{.mean = {127.5F}, .stddev = {127.5F}}));
  EXPECT_THAT(info->warnings, IsEmpty());
}

TEST(ReadModel, needs_no_alignment) {
  const std::vector<std::byte> model = test::color_classifier();
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), model.begin(), model.end());
    EXPECT_TRUE(read_model(std::span(shifted).subspan(shift)));
  }
}

TEST(ReadModel, leaves_damaged_labels_out_and_says_so) {
  const auto model = test::pack(*test::color_object());
  const auto bad = read_model(test::with_labels(model, "labels.txt", "0:a\n0:b\n"));
  ASSERT_TRUE(bad);
  EXPECT_THAT(bad->labels, IsEmpty());
  EXPECT_THAT(bad->warnings, ElementsAre(HasSubstr("\"labels.txt\"")));

  std::vector<std::byte> cut = test::color_classifier();
  cut.resize(cut.size() - 1);
  EXPECT_THAT(read_model(cut)->warnings, ElementsAre(HasSubstr("zip")));
}

TEST(ReadModel, leaves_damaged_metadata_out_and_says_so) {
  const auto object = test::color_object();
  object->metadata.push_back(std::make_unique<::tflite::MetadataT>());
  object->metadata.back()->name = "TFLITE_METADATA";
  object->metadata.back()->buffer = static_cast<std::uint32_t>(object->buffers.size());
  object->buffers.push_back(std::make_unique<::tflite::BufferT>());
  object->buffers.back()->data.assign(100, 0x41);
  const auto info = read_model(test::pack(*object));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->description, "Red, green or blue");
  EXPECT_THAT(info->warnings, ElementsAre(HasSubstr("M001")));
}

// Every change that makes the small classifier a model that must not reach TensorFlow Lite.
struct BreakCase {
  const char* name;
  std::function<void(::tflite::ModelT&)> change;
  const char* message;
};
::tflite::SubGraphT& graph(::tflite::ModelT& model) { return *model.subgraphs.front(); }
::tflite::OperatorT& pool(::tflite::ModelT& model) { return *graph(model).operators.front(); }

class BrokenModel : public testing::TestWithParam<BreakCase> {};
TEST_P(BrokenModel, is_refused_with_the_reason) {
  const auto object = test::color_object();
  GetParam().change(*object);
  const auto info = read_model(test::pack(*object));
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().message, HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Changes, BrokenModel,
    testing::Values(
        BreakCase{"version", [](auto& m) { m.version = 2; }, "schema version 3"},
        BreakCase{"no_subgraph", [](auto& m) { m.subgraphs.clear(); }, "no subgraph"},
        BreakCase{"no_output", [](auto& m) { graph(m).outputs.clear(); }, "no outputs"},
        BreakCase{"input_out_of_range", [](auto& m) { graph(m).inputs = {99}; },
                  "input 0 is tensor 99 of 4"},
        BreakCase{"output_negative", [](auto& m) { graph(m).outputs = {-1}; },
                  "output 0 is tensor -1 of 4"},
        BreakCase{"many_inputs", [](auto& m) { graph(m).inputs.assign(5000, 0); }, "at most 1024"},
        BreakCase{"operator_code", [](auto& m) { pool(m).opcode_index = 7; }, "code 7 of 2"},
        BreakCase{"operator_input", [](auto& m) { pool(m).inputs = {4}; },
                  "operator 0 (\"AVERAGE_POOL_2D\"): input 0 is tensor 4 of 4"},
        BreakCase{"operator_input_minus_2", [](auto& m) { pool(m).inputs = {-2}; },
                  "tensor -2 of 4"},
        BreakCase{"operator_output", [](auto& m) { pool(m).outputs = {-1}; }, "tensor -1 of 4"},
        BreakCase{"intermediate", [](auto& m) { pool(m).intermediates = {12}; }, "tensor 12 of 4"},
        BreakCase{"writes_a_constant", [](auto& m) { pool(m).outputs = {3}; },
                  "output 0 is the constant tensor 3"},
        BreakCase{"constant_input", [](auto& m) { graph(m).inputs = {3}; }, "constant tensor 3"},
        BreakCase{"reads_what_comes_later",
                  [](auto& m) { std::swap(graph(m).operators[0], graph(m).operators[1]); },
                  "input 0 is tensor 1, which nothing before it computes"},
        BreakCase{"output_from_nowhere", [](auto& m) { graph(m).operators.pop_back(); },
                  "output 0 is tensor 2, which nothing computes"},
        BreakCase{"scratch_memory",
                  [](auto& m) {
                    auto& code = *m.operator_codes[pool(m).opcode_index];
                    code.builtin_code = ::tflite::BuiltinOperator_CONV_2D;
                    code.deprecated_builtin_code = ::tflite::BuiltinOperator_CONV_2D;
                    auto& filter = *graph(m).tensors[3];
                    filter.buffer = 0;
                    filter.type = ::tflite::TensorType_FLOAT32;
                    filter.shape = {0, 1 << 30, 1 << 30, 1 << 30};
                    pool(m).inputs = {0, 3};
                  },
                  "needs 1.0 EB of scratch memory or more, want at most 1.1 GB"},
        BreakCase{"buffer", [](auto& m) { graph(m).tensors[0]->buffer = 50; }, "buffer 50 of 2"},
        BreakCase{"short_buffer", [](auto& m) { m.buffers[1]->data.resize(7); },
                  "want 8 bytes of data for INT32 [2], got 7"},
        BreakCase{"long_buffer", [](auto& m) { m.buffers[1]->data.resize(9); }, "got 9"},
        BreakCase{"outside_buffer",
                  [](auto& m) {
                    m.buffers[0]->offset = 4096;
                    m.buffers[0]->size = 8;
                  },
                  "outside of the flatbuffer"},
        BreakCase{
            "type",
            [](auto& m) { graph(m).tensors[0]->type = static_cast<::tflite::TensorType>(99); },
            "unknown type 99"},
        BreakCase{"negative_extent", [](auto& m) { graph(m).tensors[0]->shape[1] = -8; },
                  "[1,-8,8,3]"},
        BreakCase{"huge_tensor",
                  [](auto& m) { graph(m).tensors[0]->shape = {1, 1 << 15, 1 << 16, 3}; },
                  "at most 2.1 GB"},
        BreakCase{"overflowing_shape",
                  [](auto& m) { graph(m).tensors[0]->shape.assign(8, 0x7FFFFFFF); },
                  "at most 2.1 GB"},
        BreakCase{"rank", [](auto& m) { graph(m).tensors[0]->shape.assign(100, 1); },
                  "at most 16 dimensions"},
        BreakCase{"huge_tensors",
                  [](auto& m) {
                    for (int i = 0; i < 3; ++i) {
                      graph(m).tensors.push_back(std::make_unique<::tflite::TensorT>());
                      graph(m).tensors.back()->shape = {500'000'000};
                    }
                  },
                  "together at most"},
        BreakCase{"strings_that_are_none",
                  [](auto& m) { graph(m).tensors[3]->type = ::tflite::TensorType_STRING; },
                  "no list of strings"},
        BreakCase{"addition_without_scales",
                  [](auto& m) {
                    m.operator_codes[0]->builtin_code = ::tflite::BuiltinOperator_ADD;
                    m.operator_codes[0]->deprecated_builtin_code = 0;
                    graph(m).tensors[0]->quantization->scale = {0.0F};
                  },
                  "UINT8 without a positive scale"},
        BreakCase{"custom_name",
                  [](auto& m) {
                    m.operator_codes[0]->builtin_code = ::tflite::BuiltinOperator_CUSTOM;
                    m.operator_codes[0]->custom_code = std::string(1000, 'x');
                  },
                  "at most 200 bytes"},
        BreakCase{"detection_options",
                  [](auto& m) {
                    m.operator_codes[0]->builtin_code = ::tflite::BuiltinOperator_CUSTOM;
                    m.operator_codes[0]->custom_code = "TFLite_Detection_PostProcess";
                    pool(m).builtin_options.Reset();
                    pool(m).custom_options = {0xFF, 0xFF, 0xFF};
                  },
                  "no flexbuffer"},
        BreakCase{"endless_loop",
                  [](auto& m) {
                    ::tflite::WhileOptionsT options;
                    options.body_subgraph_index = 0;
                    pool(m).builtin_options.Set(std::move(options));
                  },
                  "in a loop"},
        BreakCase{"loop_body",
                  [](auto& m) {
                    ::tflite::WhileOptionsT options;
                    options.cond_subgraph_index = 5;
                    pool(m).builtin_options.Set(std::move(options));
                  },
                  "runs subgraph 5 of 1"},
        BreakCase{"deep_calls",
                  [](auto& m) {
                    for (int i = 1; i <= 20; ++i) {
                      auto next = std::make_unique<::tflite::SubGraphT>();
                      next->operators.push_back(std::make_unique<::tflite::OperatorT>());
                      ::tflite::CallOnceOptionsT options;
                      options.init_subgraph_index = i < 20 ? i + 1 : 0;
                      next->operators[0]->builtin_options.Set(std::move(options));
                      m.subgraphs.push_back(std::move(next));
                    }
                    m.subgraphs.back()->operators.clear();
                  },
                  "deep"},
        BreakCase{"subgraph_1",
                  [](auto& m) {
                    m.subgraphs.push_back(std::make_unique<::tflite::SubGraphT>());
                    m.subgraphs.back()->outputs = {3};
                  },
                  "subgraph 1: output 0 is tensor 3 of 0"}),
    [](const auto& test) { return std::string(test.param.name); });

struct TaskCase {
  const char* name;
  std::function<void(::tflite::ModelT&)> change;
  Task task;
  Activation activation;
};
void set_input_shape(::tflite::ModelT& model, std::vector<std::int32_t> shape) {
  graph(model).tensors[0]->shape = std::move(shape);
}
void set_first_code(::tflite::ModelT& model, ::tflite::BuiltinOperator code) {
  model.operator_codes[0]->builtin_code = code;
  model.operator_codes[0]->deprecated_builtin_code = static_cast<std::int8_t>(code);
}
void set_output_scale(::tflite::ModelT& model, float scale) {
  graph(model).tensors[2]->quantization->scale = {scale};
}

class TaskOf : public testing::TestWithParam<TaskCase> {};
TEST_P(TaskOf, follows_the_graph) {
  const auto object = test::color_object();
  GetParam().change(*object);
  const auto info = read_model(test::pack(*object));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(task_name(info->task), task_name(GetParam().task));
  EXPECT_EQ(info->activation, GetParam().activation);
}
INSTANTIATE_TEST_SUITE_P(
    Rules, TaskOf,
    testing::Values(
        TaskCase{"unit_range_is_probabilities", [](auto&) {}, Task::classification,
                 Activation::none},
        TaskCase{"other_ranges_are_logits", [](auto& m) { set_output_scale(m, 0.1F); },
                 Task::classification, Activation::softmax},
        TaskCase{"softmax_behind_reshape",
                 [](auto& m) {
                   set_output_scale(m, 0.1F);
                   set_first_code(m, ::tflite::BuiltinOperator_SOFTMAX);
                 },
                 Task::classification, Activation::none},
        TaskCase{"unknown_custom_operator",
                 [](auto& m) {
                   set_output_scale(m, 0.1F);
                   set_first_code(m, ::tflite::BuiltinOperator_CUSTOM);
                   m.operator_codes[0]->custom_code = "edgetpu-custom-op";
                 },
                 Task::classification, Activation::none},
        TaskCase{"two_outputs", [](auto& m) { graph(m).outputs = {2, 1}; }, Task::raw_image,
                 Activation::none},
        TaskCase{"one_class", [](auto& m) { graph(m).tensors[2]->shape = {1, 1}; }, Task::raw_image,
                 Activation::none},
        TaskCase{"integer_output",
                 [](auto& m) { graph(m).tensors[2]->type = ::tflite::TensorType_INT32; },
                 Task::raw_image, Activation::none},
        TaskCase{"gray_picture", [](auto& m) { set_input_shape(m, {1, 96, 96, 1}); },
                 Task::classification, Activation::none},
        TaskCase{"spectrogram", [](auto& m) { set_input_shape(m, {1, 49, 10, 1}); }, Task::raw,
                 Activation::none},
        TaskCase{"nchw", [](auto& m) { set_input_shape(m, {1, 3, 224, 224}); }, Task::raw,
                 Activation::none},
        TaskCase{"batch", [](auto& m) { set_input_shape(m, {2, 8, 8, 3}); }, Task::raw,
                 Activation::none},
        TaskCase{"one_pixel", [](auto& m) { set_input_shape(m, {1, 1, 1, 3}); }, Task::raw,
                 Activation::none},
        TaskCase{"two_inputs", [](auto& m) { graph(m).inputs = {0, 0}; }, Task::raw,
                 Activation::none},
        TaskCase{"integer_input",
                 [](auto& m) { graph(m).tensors[0]->type = ::tflite::TensorType_INT32; }, Task::raw,
                 Activation::none}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ReadModel, refuses_zero_points_that_are_not_aligned) {
  const auto object = test::color_object();
  graph(*object).tensors[0]->quantization->scale = {1.0F, 1.0F};
  graph(*object).tensors[0]->quantization->zero_point = {1, 0};
  auto bytes = test::pack(*object);
  ASSERT_TRUE(read_model(bytes));
  // The vector begins four bytes later: its length is then the first zero point's lower half.
  const auto& quantization =
      *::tflite::GetModel(bytes.data())->subgraphs()->Get(0)->tensors()->Get(0)->quantization();
  const auto* const field = reinterpret_cast<const ::flatbuffers::Table&>(quantization)
                                .GetAddressOf(::tflite::QuantizationParameters::VT_ZERO_POINT);
  std::uint32_t offset = 0;
  std::memcpy(&offset, field, sizeof(offset));
  offset += 4;
  std::memcpy(
      &bytes[static_cast<std::size_t>(reinterpret_cast<const std::byte*>(field) - bytes.data())],
      &offset, sizeof(offset));
  const auto info = read_model(bytes);
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().message, HasSubstr("tensor 0 \"image\": its zero points are not"));
}

RC_GTEST_PROP(ReadModelProperty, survives_changed_bytes, ()) {
  static const std::vector<std::byte> model = test::color_classifier();
  std::vector<std::byte> changed = model;
  const auto changes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < changes; ++i) {
    changed[*rc::gen::inRange<std::size_t>(0, changed.size())] =
        static_cast<std::byte>(*rc::gen::element(0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF));
  }
  changed.resize(
      *rc::gen::weightedElement<std::size_t>({{9, changed.size()}, {1, changed.size() / 2}}));
  std::ignore = read_model(changed);  // either way; the sanitizers watch
}

// ---- real models ----

Result<ModelInfo> read_shared(const std::string& name) {
  const auto bytes = read_file(test::shared(std::filesystem::path("models") / name), 100'000'000);
  return bytes ? read_model(*bytes) : std::unexpected(bytes.error());
}

struct RealCase {
  const char* file;
  Task task;
  std::size_t labels;
};
class RealModel : public testing::TestWithParam<RealCase> {};
TEST_P(RealModel, has_the_task_that_people_use_it_for) {
  GANTRY_NEEDS_SHARED();
  const auto info = read_shared(GetParam().file);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(task_name(info->task), task_name(GetParam().task));
  EXPECT_EQ(info->activation, Activation::none);
  EXPECT_THAT(info->labels, SizeIs(GetParam().labels));
  EXPECT_THAT(info->warnings, IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(
    Shared, RealModel,
    testing::Values(
        RealCase{"mobilenet_v1_1.0_224_quant.tflite", Task::classification, 0},
        RealCase{"mobilenet_v1_0.25_128_quant.tflite", Task::classification, 1001},
        RealCase{"mobilenet_v1_0.25_224_quant.tflite", Task::classification, 1001},
        RealCase{"mobilenet_v2_1.0_224_quant.tflite", Task::classification, 1001},
        RealCase{"tf2_mobilenet_v2_1.0_224_ptq.tflite", Task::classification, 1001},
        RealCase{"mobilenet_edgetpu_0.75_224_post_training_quant.tflite", Task::classification, 0},
        RealCase{"mobilenet_v1_0.25_224_1_default_1_float32.tflite", Task::classification, 0},
        RealCase{"mobilenet_v3_small_hybrid_int8_weights.tflite", Task::classification, 0},
        RealCase{"pretrainedResnet_quant.tflite", Task::classification, 0},
        RealCase{"person_detect.tflite", Task::classification, 0},
        RealCase{"coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite", Task::detection, 90},
        RealCase{"ssdlite_mobiledet_dog_vs_cat.tflite", Task::detection, 0},
        RealCase{"deeplabv3_mnv2_dm05_pascal_quant.tflite", Task::raw_image, 0},
        RealCase{"movenet_single_pose_lightning_ptq.tflite", Task::raw_image, 0},
        RealCase{"yolov5n-int8.tflite", Task::raw_image, 0},
        RealCase{"face_detection_short_range_fp16.tflite", Task::raw_image, 0},
        RealCase{"ssd_slim_120x160x1_v1_int8.tflite", Task::raw_image, 0},
        RealCase{"kws_ref_model.tflite", Task::raw, 0}, RealCase{"ad01_int8.tflite", Task::raw, 0},
        RealCase{"hello_world_int8.tflite", Task::raw, 0},
        RealCase{"keras_lstm_mnist_ptq.tflite", Task::raw, 0},
        RealCase{"seanet_conv0_int16x8.tflite", Task::raw, 0},
        RealCase{"split_concat.tflite", Task::raw, 0}),
    [](const auto& test) {
      std::string name = test.param.file;
      std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
      return name;
    });

TEST(ReadModel, finds_the_outputs_of_a_detector) {
  GANTRY_NEEDS_SHARED();
  const auto coco = read_shared("coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite");
  EXPECT_EQ(coco->detection.boxes, 0);
  EXPECT_EQ(coco->detection.count, 3);
  EXPECT_EQ(coco->detection.class_count, 90);
  EXPECT_EQ(coco->labels.front(), "person");
  EXPECT_EQ(read_shared("ssdlite_mobiledet_dog_vs_cat.tflite")->detection.class_count, 2);
}

TEST(ReadModel, refuses_hostile_files_before_tensorflow_lite_sees_them) {
  GANTRY_NEEDS_SHARED();
  for (const char* name :
       {"0_subgraphs", "2_subgraphs", "conv_huge_im2col", "empty_model", "invalid_model",
        "made_op_input_index_9999", "made_op_input_index_negative", "made_root_offset_past_end",
        "made_shape_huge", "made_shape_negative", "made_truncated_200k", "made_vector_length_max",
        "made_wrong_identifier", "made_zero_bytes", "model_invoking_error",
        "segment_sum_invalid_buffer", "sparse_tensor", "test_model_broken"}) {
    const auto info = read_shared(std::string("hostile/") + name + ".tflite");
    EXPECT_FALSE(info) << name;
    EXPECT_FALSE(info ? true : info.error().message.empty());
  }
}

}  // namespace
}  // namespace gantry::model_file
