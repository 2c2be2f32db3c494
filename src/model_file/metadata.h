#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::model_file {

/// What we use of the metadata inside a model file.
struct Metadata {
  std::string description;  ///< of the model, else its name
  bool first_input_is_image = false;
  std::optional<InputTransform::Normalization> first_input_normalization;
  /// Files packed into the model that name the classes of an output, in the order of the outputs.
  std::vector<std::string> label_files;
};

/// Reads the buffer of the model's "TFLITE_METADATA" entry.
/// Errors: invalid_argument if it is no such flatbuffer.
/// Source: metadata_schema.fbs of tflite-support, schema version 1.1 (file identifier "M001").
[[nodiscard]] Result<Metadata> read_metadata(std::span<const std::uint8_t> bytes);

}  // namespace gantry::model_file
