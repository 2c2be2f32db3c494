#include "model_task.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "flatbuffers/flexbuffers.h"

namespace gantry::model_file {
namespace {

bool is_image_input(const ModelInfo& info, bool is_called_image) noexcept {
  if (info.inputs.size() != 1) {
    return false;
  }
  const TensorSpec& input = info.inputs.front();
  const bool has_samples = input.dtype == DType::uint8 || input.dtype == DType::int8 ||
                           input.dtype == DType::int16 || input.dtype == DType::float32;
  if (!has_samples || input.shape.size() != 4 || input.shape[0] != 1) {
    return false;
  }
  const std::int32_t shorter_side = std::min(input.shape[1], input.shape[2]);
  const std::int32_t channels = input.shape[3];
  constexpr std::int32_t least_gray_side = 24;
  return (channels == 3 && shorter_side >= (is_called_image ? 1 : 2)) ||
         (channels == 1 && shorter_side >= (is_called_image ? 1 : least_gray_side));
}

/// [1,N] or [1,1,1,N] with N of at least 2, of numbers.
bool is_class_vector(const TensorSpec& output) noexcept {
  const Shape& shape = output.shape;
  const bool is_scored = output.dtype == DType::uint8 || output.dtype == DType::int8 ||
                         output.dtype == DType::int16 || output.dtype == DType::float32;
  return is_scored && (shape.size() == 2 || shape.size() == 4) && shape.back() >= 2 &&
         std::all_of(shape.begin(), shape.end() - 1,
                     [](std::int32_t extent) { return extent == 1; });
}

/// Can this output express nothing but 0 to 1? (Scale 1/256 and zero point 0 of uint8, for one.)
bool is_unit_range(const TensorSpec& output) noexcept {
  if (!output.quantization || (output.dtype != DType::uint8 && output.dtype != DType::int8)) {
    return false;
  }
  const int least = output.dtype == DType::uint8 ? 0 : -128;
  const double span = 255.0 * static_cast<double>(output.quantization->scale);
  return output.quantization->zero_point == least && span > 0.98 && span < 1.02;
}

/// Skips backwards over operators that keep the values as they are, to the one that made them.
Activation activation_of(const ModelInfo& info, std::size_t tensors, std::int32_t output) {
  if (is_unit_range(info.outputs.front())) {
    return Activation::none;
  }
  std::vector<const OperatorInfo*> producer(tensors, nullptr);
  for (const OperatorInfo& op : info.operators) {
    for (const std::int32_t index : op.outputs) {
      producer[static_cast<std::size_t>(index)] = &op;
    }
  }
  constexpr std::array<std::string_view, 5> transparent{"RESHAPE", "SQUEEZE", "EXPAND_DIMS",
                                                        "QUANTIZE", "DEQUANTIZE"};
  // Every step goes to an earlier operator: check_model saw to the order. The count is for the
  // reader.
  for (std::size_t step = 0; step <= info.operators.size(); ++step) {
    const OperatorInfo* const op = producer[static_cast<std::size_t>(output)];
    if (op == nullptr) {
      return Activation::softmax;
    }
    if (op->custom || op->name == "SOFTMAX" || op->name == "LOGISTIC") {
      return Activation::none;
    }
    if (!std::ranges::contains(transparent, op->name) || op->inputs.empty() || op->inputs[0] < 0) {
      return Activation::softmax;
    }
    output = op->inputs[0];
  }
  return Activation::softmax;
}

/// "num_classes" among the options of TFLite_Detection_PostProcess, which check_model verified.
std::size_t class_count(const ::tflite::Operator& op) {
  if (op.custom_options() == nullptr || op.custom_options()->size() == 0) {
    return 0;
  }
  const auto root =
      ::flexbuffers::GetRoot(op.custom_options()->data(), op.custom_options()->size());
  if (!root.IsMap()) {
    return 0;
  }
  constexpr std::int64_t most_classes = 100'000;
  const std::int64_t count = root.AsMap()["num_classes"].AsInt64();
  return count > 0 && count <= most_classes ? static_cast<std::size_t>(count) : 0;
}

/// The detection operator's outputs among the model's, if all four are there.
std::optional<ModelInfo::DetectionOutputs> find_detection(const ::tflite::SubGraph& graph,
                                                          const ModelInfo& info) {
  for (std::size_t i = 0; i < info.operators.size(); ++i) {
    const OperatorInfo& op = info.operators[i];
    if (!op.custom || op.name != "TFLite_Detection_PostProcess" || op.outputs.size() != 4) {
      continue;
    }
    std::array<std::size_t, 4> positions{};
    bool all_there = true;
    for (std::size_t k = 0; k < positions.size(); ++k) {
      const auto* const outputs = graph.outputs();
      const auto* const found =
          std::ranges::find(outputs->data(), outputs->data() + outputs->size(), op.outputs[k]);
      all_there = all_there && found != outputs->data() + outputs->size();
      positions.at(k) = static_cast<std::size_t>(found - outputs->data());
    }
    if (all_there) {
      return ModelInfo::DetectionOutputs{
          .boxes = positions[0],
          .classes = positions[1],
          .scores = positions[2],
          .count = positions[3],
          .class_count = class_count(*graph.operators()->Get(static_cast<std::uint32_t>(i)))};
    }
  }
  return std::nullopt;
}

}  // namespace

void infer_task(const ::tflite::Model& model, bool is_called_image, ModelInfo& info) {
  if (!is_image_input(info, is_called_image)) {
    info.task = Task::raw;
    return;
  }
  const ::tflite::SubGraph& graph = *model.subgraphs()->Get(0);
  if (const auto detection = find_detection(graph, info)) {
    info.task = Task::detection;
    info.detection = *detection;
  } else if (info.outputs.size() == 1 && is_class_vector(info.outputs.front())) {
    info.task = Task::classification;
    info.activation = activation_of(info, graph.tensors()->size(), graph.outputs()->Get(0));
  } else {
    info.task = Task::raw_image;
  }
}

}  // namespace gantry::model_file
