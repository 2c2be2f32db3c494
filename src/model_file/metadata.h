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

/// The part of a model file's metadata that is used.
struct Metadata {
  std::string description;  ///< of the model, else its name
  bool first_input_is_image = false;
  std::optional<InputTransform::Normalization> first_input_normalization;
  /// Names of the files, packed into the model, that list the classes of an output; in the order of
  /// the outputs.
  std::vector<std::string> label_files;
};

/// Reads the buffer of the model's "TFLITE_METADATA" entry.
/// Errors: invalid_argument if the buffer is not such a flatbuffer.
/// Source: metadata_schema.fbs of tflite-support, schema version 1.1 (file identifier "M001").
[[nodiscard]] Result<Metadata> read_metadata(std::span<const std::uint8_t> bytes);

}  // namespace gantry::model_file
