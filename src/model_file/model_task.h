#pragma once

#include "gantry/model_file/model_info.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::model_file {

/// Fills in task, activation and detection of `info`; its inputs, outputs and operators must be
/// set. `model` has passed check_model. `is_called_image`: the metadata calls the input an image.
void infer_task(const ::tflite::Model& model, bool is_called_image, ModelInfo& info);

}  // namespace gantry::model_file
