#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "gantry/backend/cpu_backend.h"
#include "gantry/backend/trial.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/model_file/model_file.h"
#include "gantry/model_file/model_info.h"

// The one way from a file to a model that may be run.
namespace gantry::backend {

/// A model that was read, checked and tried.
struct CheckedModel {
  model_file::ModelFile file;
  model_file::ModelInfo info;
  std::optional<Tried> tried;  ///< empty: there was no trial
  Clock::duration read{};      ///< time to read, hash and check the file
};
/// Reads the file once. Checks it while `trial` (may be empty) runs it in another process.
/// Errors: those of ModelFile::open, read_model and the trial, beginning with the path.
[[nodiscard]] Result<CheckedModel> check_model(const std::filesystem::path& path,
                                               const Trial& trial,
                                               std::size_t max_bytes = model_file::max_model_bytes);

/// A checked model on the CPU.
struct CpuModel {
  CpuBackend backend;
  Clock::duration create{};  ///< time to make TensorFlow Lite's view of the file
};
/// Errors: those of tflite::Model::create and CpuBackend::load, beginning with the path.
[[nodiscard]] Result<CpuModel> load_on_cpu(const CheckedModel& model, CpuBackendWanted wanted);

/// `error` with the path in front of its message, unless the message begins with it already.
[[nodiscard]] Error about(const std::filesystem::path& path, Error error);

}  // namespace gantry::backend
