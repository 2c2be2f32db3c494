#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::model_file {

/// The schema's model in `bytes`, after every check that read_model promises. `bytes` are aligned
/// to 8. Errors: as read_model.
[[nodiscard]] Result<const ::tflite::Model*> check_model(std::span<const std::byte> bytes);

// For models that passed check_model.

[[nodiscard]] TensorSpec spec_of(const ::tflite::Tensor& tensor);
[[nodiscard]] ::tflite::BuiltinOperator builtin_code(const ::tflite::OperatorCode& code) noexcept;
/// "CONV_2D", the custom code, or "BUILTIN_250" for an operator newer than the schema.
[[nodiscard]] std::string operator_name(const ::tflite::OperatorCode& code);

}  // namespace gantry::model_file
