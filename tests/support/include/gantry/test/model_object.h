#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensorflow/lite/schema/schema_generated.h"

// Models as objects that tests change before they are packed: for those that read or break the
// format.
namespace gantry::test {

[[nodiscard]] std::vector<std::byte> pack(const ::tflite::ModelT& model);
[[nodiscard]] std::unique_ptr<::tflite::ModelT> unpack(std::span<const std::byte> model);

[[nodiscard]] std::unique_ptr<::tflite::ModelT> identity_object(std::int32_t height,
                                                                std::int32_t width);
[[nodiscard]] std::unique_ptr<::tflite::ModelT> color_object();

/// uint8 [1,side,side,channels] → one convolution with bias → uint8, all quantised per tensor.
struct ConvSpec {
  std::int32_t side = 8;
  std::int32_t channels = 16;
  std::int32_t out_channels = 16;
  std::int32_t kernel = 1;
  bool depthwise = false;
};
[[nodiscard]] std::unique_ptr<::tflite::ModelT> conv_object(const ConvSpec& spec);

/// Three 1×1 convolutions behind each other, then an addition of the third's (first operand) and
/// the first's result: operators 0 to 3 of uint8 [1,8,8,16].
[[nodiscard]] std::unique_ptr<::tflite::ModelT> residual_object();

/// Adds an operator to the model's graph, with a code of its own. Its options are for the caller.
::tflite::OperatorT& add_operator(::tflite::ModelT& model, ::tflite::BuiltinOperator code,
                                  std::vector<std::int32_t> inputs,
                                  std::vector<std::int32_t> outputs);
/// Adds a uint8 tensor (scale 0.05, zero point 0), constant where `constant`. Returns its index.
std::int32_t add_uint8(::tflite::ModelT& model, std::vector<std::int32_t> shape,
                       bool constant = false);

}  // namespace gantry::test
