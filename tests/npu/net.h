#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "gantry/test/model_object.h"

namespace gantry::npu_test {

/// A convolution to come. Its output's scale follows from the rest, so that values spread over the
/// output's range and few of them clip.
struct Conv {
  std::int32_t out = 16;
  std::int32_t kernel = 1;
  std::int32_t kernel_width = 0;  ///< 0: as high
  std::int32_t stride = 1;
  std::int32_t stride_width = 0;  ///< 0: as high
  bool depthwise = false;         ///< `out` channels, a multiple of the input's
  bool same_padding = true;
  ::tflite::ActivationFunctionType activation = ::tflite::ActivationFunctionType_NONE;
  std::int32_t zero_point = 120;  ///< of the output
  float scale = 0;                ///< of the output; 0: as said above
  float weight_scale = 0.02F;
};

/// Builds a model operator by operator, with weights that are noise from a seed. The tensors are
/// uint8 [1,H,W,C] and meant to be changed afterwards through graph(), where a row wants something
/// else.
class Net {
 public:
  explicit Net(std::uint32_t seed = 1);

  std::int32_t input(std::vector<std::int32_t> shape, std::int32_t zero_point = 120,
                     float scale = 0.05F);
  /// These add an operator and give the index of its output.
  std::int32_t conv(std::int32_t input, const Conv& conv);
  std::int32_t add(std::int32_t first, std::int32_t second, std::int32_t zero_point = 120,
                   float scale = 0);

  [[nodiscard]] ::tflite::SubGraphT& graph() { return *model_->subgraphs.front(); }
  [[nodiscard]] ::tflite::ModelT& model() { return *model_; }
  [[nodiscard]] ::tflite::TensorT& tensor(std::int32_t index) {
    return *graph().tensors[static_cast<std::size_t>(index)];
  }

  /// The model with these outputs; the net is used up.
  [[nodiscard]] std::unique_ptr<::tflite::ModelT> with_outputs(std::vector<std::int32_t> outputs);

 private:
  std::int32_t quantized(std::vector<std::int32_t> shape, std::int32_t zero_point, float scale);
  void fill(std::int32_t tensor, std::int32_t low, std::int32_t high);
  std::unique_ptr<::tflite::ModelT> model_;
  std::mt19937 random_;
};

}  // namespace gantry::npu_test
