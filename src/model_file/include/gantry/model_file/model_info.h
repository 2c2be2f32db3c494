#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::model_file {

/// What a model is for, as far as its graph shows.
///
/// An image input is the only input, [1,H,W,C] of uint8, int8, int16 or float32, and
///   - C = 3 and both sides at least 2, or
///   - C = 1 and both sides at least 24: a smaller one is more often a spectrogram (49x10) than a
///   picture, or
///   - C = 1 or 3 where the metadata calls it an image.
enum class Task : std::uint8_t {
  classification,  ///< one image input, one output [1,N] (or [1,1,1,N]), N >= 2
  detection,       ///< one image input, outputs of TFLite_Detection_PostProcess
  raw_image,       ///< one image input, any other outputs
  raw,             ///< inputs that are no image
};
[[nodiscard]] std::string_view task_name(Task task) noexcept;

/// How a classifier's real values become probabilities.
enum class Activation : std::uint8_t {
  /// They are probabilities: the graph ends in SOFTMAX, LOGISTIC or a custom operator, or the
  /// output's quantisation can express only 0 to 1.
  none,
  softmax,  ///< they are logits
};

/// One operator of the main subgraph.
struct OperatorInfo {
  std::string name;  ///< "CONV_2D", or the custom code
  bool custom = false;
  std::vector<std::int32_t> inputs;   ///< tensor indices, -1 where an optional one is absent
  std::vector<std::int32_t> outputs;  ///< tensor indices
};

/// What a `.tflite` file shows without being run.
struct ModelInfo {
  std::string description;              ///< of the file or its metadata, may be empty
  std::vector<TensorSpec> inputs;       ///< in the interpreter's order
  std::vector<TensorSpec> outputs;      ///< in the interpreter's order
  std::vector<OperatorInfo> operators;  ///< of subgraph 0, in order
  std::size_t subgraphs = 1;
  std::size_t file_bytes = 0;
  Task task = Task::raw;
  Activation activation = Activation::none;
  /// For Task::detection: which model output is boxes [1,N,4], classes [1,N], scores [1,N], count
  /// [1].
  struct DetectionOutputs {
    std::size_t boxes = 0, classes = 1, scores = 2, count = 3;
    std::size_t class_count =
        0;  ///< as the operator's options state it, without background; 0: unknown
  };
  DetectionOutputs detection;
  /// From TFLITE_METADATA, if there is one.
  std::optional<InputTransform::Normalization> normalization;
  std::vector<std::string> labels;  ///< of the metadata's associated label file, may be empty
  std::vector<std::string>
      warnings;  ///< what was left out and why, such as metadata or labels that can't be read
};

/// Reads and checks a model file's bytes.
///
/// Refuses every file that would make TensorFlow Lite read outside of the file or use memory that
/// it has not allocated. An accepted file has these properties: the flatbuffer is verified; indices
/// of tensors, buffers, operator codes and subgraphs are in range; shapes have no negative extents;
/// no tensor has 2^31 bytes; all computed tensors together have at most 4 GiB; the scratch memory
/// of a convolution is at most 1 GiB; constant tensors have the bytes that their shape needs;
/// operators read only tensors that have a value by then, and write no constants; scales exist if
/// kernels divide by them. Mistakes that only a kernel can find (in its options, shapes or memory)
/// are left to TensorFlow Lite: run foreign models in a trial first.
///
/// Errors: invalid_argument naming what is wrong; out_of_range above a limit.
/// Time:   linear in the file's size, as is memory.
/// Source: TensorFlow Lite schema v3 (schema_generated.h), metadata schema of tflite-support.
[[nodiscard]] Result<ModelInfo> read_model(std::span<const std::byte> bytes);

}  // namespace gantry::model_file
