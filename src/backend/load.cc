#include "gantry/backend/load.h"

#include <utility>

#include "gantry/base/format.h"

namespace gantry::backend {

Error about(const std::filesystem::path& path, Error error) {
  if (!error.message.starts_with(path.string())) {
    error.message = format_text("{}: {}", path.string(), error.message);
  }
  return error;
}

Result<CheckedModel> check_model(const std::filesystem::path& path, const Trial& trial,
                                 std::size_t max_bytes) {
  const auto begun = Clock::now();
  auto file = model_file::ModelFile::open(path, max_bytes);
  if (!file) {
    return std::unexpected(about(path, std::move(file).error()));
  }
  const TrialEnd trial_end = trial ? trial(*file) : TrialEnd();
  auto info = model_file::read_model(file->bytes());
  if (!info) {
    return std::unexpected(about(path, std::move(info).error()));
  }
  CheckedModel checked{.file = *std::move(file), .info = *std::move(info), .tried = {}};
  checked.read = Clock::now() - begun;
  if (trial_end) {
    auto tried = trial_end();
    if (!tried) {
      return std::unexpected(about(path, std::move(tried).error()));
    }
    checked.tried = *std::move(tried);
  }
  return checked;
}

Result<CpuModel> load_on_cpu(const CheckedModel& model, CpuBackendWanted wanted) {
  const auto begun = Clock::now();
  auto runtime = tflite::Model::create(model.file.sealed());
  if (!runtime) {
    return std::unexpected(about(model.file.path(), std::move(runtime).error()));
  }
  const auto created = Clock::now();
  auto backend = CpuBackend::load(*std::move(runtime), wanted, model.tried);
  if (!backend) {
    return std::unexpected(about(model.file.path(), std::move(backend).error()));
  }
  return CpuModel{.backend = *std::move(backend), .create = created - begun};
}

}  // namespace gantry::backend
