#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/dispatch/slot_pool.h"
#include "gantry/image/decode.h"
#include "gantry/inference/types.h"
#include "gantry/repository/labels.h"
#include "gantry/repository/model_info.h"
#include "gantry/tflite/session.h"

namespace gantry::inference {

/// Runs a model once where a crash does no harm (a child process with limits), before this process
/// takes it in. Errors: what went wrong, for a person.
using Trial = std::function<Result<>(const std::filesystem::path& model)>;

struct ModelConfig {
  std::filesystem::path path;
  std::string name;  ///< empty: the file's stem
  std::string version = "1";
  std::filesystem::path labels;  ///< empty: beside the model, else in its metadata
  std::size_t slots = 0;         ///< 0: cores / threads_per_slot, at least 1
  int threads_per_slot = 1;      ///< TensorFlow Lite's; at least 1. More than one wait by spinning
  bool warm_up = true;           ///< run every slot once before the model is ready
  image::DecodeOptions decode;
  /// Empty: the metadata's for float inputs, else the rule of InputTransform.
  std::optional<InputTransform::Normalization> normalization;
  Trial trial;            ///< empty: none
  std::size_t cores = 0;  ///< for the two defaults above; 0: available_cores()
  std::size_t max_file_bytes = std::size_t{1} << 30U;
};

/// One version of a model, ready to answer. Shared by the requests that use it.
/// Threads: thread-safe.
class LoadedModel {
 public:
  /// Reads, checks, tries, loads and warms up. Errors: what read_model, the trial and TensorFlow
  /// Lite say, prefixed with the path.
  [[nodiscard]] static Result<std::shared_ptr<LoadedModel>> load(ModelConfig config);

  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  [[nodiscard]] const std::string& version() const noexcept { return config_.version; }
  [[nodiscard]] const repository::ModelInfo& info() const noexcept { return info_; }
  [[nodiscard]] const repository::Labels& labels() const noexcept { return labels_; }
  [[nodiscard]] const ModelConfig& config() const noexcept { return config_; }
  [[nodiscard]] dispatch::SlotPool& slots() noexcept { return *slots_; }
  [[nodiscard]] dispatch::Device device() const noexcept { return device_; }
  /// Empty for models whose input is no image.
  [[nodiscard]] const std::optional<InputTransform>& transform() const noexcept {
    return transform_;
  }

  /// Errors: failed_precondition if the model takes no image; invalid_argument for options out of
  /// range.
  [[nodiscard]] Result<> validate(const Options& options) const;

  /// One request, in the calling thread: decode, resize, wait for a slot, invoke, post-process.
  /// `waited` is what the request has spent in a queue already; it is added to Timings::queue.
  /// Errors: those of decode and validate; deadline_exceeded; cancelled; unavailable.
  [[nodiscard]] Result<Response> infer(const Request& request, Clock::duration waited = {});
  /// infer() for a request that is no work worth another thread: a small picture (4 KiB, 64×64
  /// pixels) for a small input (128×128) while a slot is free. Empty: it is not like that, or its
  /// picture can't be read; nothing was done.
  [[nodiscard]] std::optional<Result<Response>> infer_if_small(const Request& request);
  /// The input tensor that infer() would feed for this picture.
  [[nodiscard]] Result<std::vector<std::byte>> input_tensor(std::span<const std::byte> image) const;

  /// How long loading took, by step; for `bench` and the log.
  struct LoadTimes {
    Clock::duration read{}, trial{}, create{}, warm_up{};
  };
  [[nodiscard]] const LoadTimes& load_times() const noexcept { return load_times_; }

 private:
  LoadedModel() = default;
  /// Decodes and resizes into this thread's scratch memory; fills the timings and the picture's
  /// size.
  Result<> prepare(std::span<const std::byte> image, const image::DecodeOptions& options,
                   Response& response) const;
  /// From the scratch memory through `slot` to the answer.
  [[nodiscard]] Result<Response> compute(dispatch::ExecutionSlot& slot, const Options& options,
                                         Response response) const;
  [[nodiscard]] Result<> postprocess(const dispatch::ExecutionSlot& slot, const Options& options,
                                     Response& response) const;

  LoadTimes load_times_;
  dispatch::Device device_ = dispatch::Device::cpu;
  ModelConfig config_;
  repository::ModelInfo info_;
  repository::Labels labels_;
  std::optional<InputTransform> transform_;
  std::unique_ptr<dispatch::SlotPool> slots_;
};

}  // namespace gantry::inference
