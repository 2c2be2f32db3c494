#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::postprocess {

/// One class with its score.
struct Class {
  std::int32_t class_id = 0;  ///< index in the model's output tensor
  double score = 0.0;         ///< the tensor's own value: the raw integer if it is quantised
  double probability = 0.0;   ///< in [0, 1]
};

/// A box with its class. Coordinates are fractions of the picture, in [0, 1], x_min <= x_max.
struct Detection {
  Class best;
  float x_min = 0, y_min = 0, x_max = 0, y_max = 0;
};

struct ClassificationOptions {
  std::int32_t top_k = 5;  ///< most classes to return, at least 1
  double threshold = 0.0;  ///< least probability
  bool softmax = false;    ///< turn logits into probabilities first
};

/// The best classes of one output, the highest probability first, among equals the lower index
/// first.
///
/// Shapes:  `bytes` is an output of N elements, N >= 1.   Dtypes: uint8, int8, int16, float32.
/// Values:  probability is the real value clamped to [0, 1], or its softmax. NaN counts as 0 and
///          comes last. uint8 without a quantisation spans 0 to 1, as TensorFlow Lite's own
///          examples read it.
/// Errors:  invalid_argument for another dtype or size.
[[nodiscard]] Result<std::vector<Class>> classify(const TensorSpec& spec,
                                                  std::span<const std::byte> bytes,
                                                  const ClassificationOptions& options);

struct DetectionTensors {
  std::span<const float> boxes;    ///< [N,4]: y_min, x_min, y_max, x_max as fractions
  std::span<const float> classes;  ///< [N]
  std::span<const float> scores;   ///< [N], probabilities
  float count = 0;                 ///< how many of the N rows are valid
};
struct DetectionOptions {
  std::int32_t top_k = 100;
  double threshold = 0.5;
};

/// The detections of TFLite_Detection_PostProcess at or above the threshold, best score first.
/// Boxes are clamped to the picture. Rows with NaN or an empty box are dropped. A count outside [0,
/// N] is cut to that range. Errors: invalid_argument if the sizes do not agree.
[[nodiscard]] Result<std::vector<Detection>> detect(const DetectionTensors& tensors,
                                                    const DetectionOptions& options);

}  // namespace gantry::postprocess
