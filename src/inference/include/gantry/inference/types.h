#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/postprocess/postprocess.h"
#include "gantry/tensor/tensor.h"

namespace gantry::inference {

/// The most classes or boxes that a request may ask for.
inline constexpr std::int64_t max_top_k = 100'000;

/// What a caller may ask for beside the picture. Checked by validate().
struct Options {
  std::optional<std::int64_t> top_k;  ///< 1 to max_top_k; default 5 classes, 100 boxes
  std::optional<double>
      threshold;  ///< least probability, 0 to 1; default 0 for classes, 0.5 for boxes
};

/// One picture for the model.
struct Request {
  std::vector<std::byte> image;  ///< an encoded file: JPEG, PNG, …
  Options options;
  Deadline deadline = Deadline::never();
  std::stop_token cancelled;  ///< checked between phases; requested: nobody waits any more
};

/// How long each phase took, in the order of the life of a request.
struct Timings {
  Clock::duration decode{};
  Clock::duration resize{};  ///< resize and quantise
  Clock::duration queue{};   ///< waiting for a worker and for a slot
  Clock::duration invoke{};  ///< the interpreter alone
  Clock::duration postprocess{};
};

struct Box {  ///< pixels of the upright source picture; 0 <= x <= width, 0 <= y <= height
  double x_min = 0, y_min = 0, x_max = 0, y_max = 0;
};
struct Prediction {
  std::int32_t class_id = 0;
  std::string label;  ///< empty if the model has no label for it
  double score = 0;   ///< the output tensor's own value
  double probability = 0;
  std::optional<Box> box;  ///< detection models only
};
/// An output tensor as it is, for models that are neither classifiers nor detectors.
struct RawOutput {
  TensorSpec spec;
  std::vector<std::byte> bytes;
};

struct Response {
  std::string model;
  std::string version;
  dispatch::Device device = dispatch::Device::cpu;
  Shape shape;                          ///< of the (first) output tensor
  std::vector<Prediction> predictions;  ///< best first
  std::vector<RawOutput> raw_outputs;   ///< Task::raw_image only
  std::int32_t image_width = 0;         ///< of the upright source picture, pixels
  std::int32_t image_height = 0;
  Timings timings;
};

}  // namespace gantry::inference
