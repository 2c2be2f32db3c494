#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gantry/backend/cpu_backend.h"
#include "gantry/backend/device_policy.h"
#include "gantry/backend/load.h"
#include "gantry/backend/npu_slots.h"
#include "gantry/backend/trial.h"
#include "gantry/dispatch/slot_pool.h"
#include "gantry/image/decode.h"
#include "gantry/inference/types.h"
#include "gantry/model_file/labels.h"
#include "gantry/model_file/model_file.h"
#include "gantry/model_file/model_info.h"

namespace gantry::inference {

/// The state of a model's DevicePolicy has changed. From now on its requests go to another device,
/// or are refused (State::down), or are taken again.
struct DeviceChange {
  backend::DevicePolicy::State state;
  std::string reason;      ///< the last failure on the NPU; empty when the model is back on it
  std::size_t usable = 0;  ///< NPU slots that work
};

struct ModelConfig {
  std::filesystem::path path;
  std::string name;  ///< empty: the file's stem
  std::string version = "1";
  std::filesystem::path labels;  ///< empty: beside the model, else in its metadata
  std::size_t slots = 0;         ///< 0: cores / threads_per_slot, at least 1
  int threads_per_slot = 1;      ///< at least 1; with more than one, waiting threads spin
  backend::CpuBackendWanted cpu_backend = backend::CpuBackendWanted::automatic;
  bool warm_up = true;  ///< run every slot once before the model is ready
  image::DecodeOptions decode;
  /// Empty: for float inputs the one in the metadata, else the rule of InputTransform.
  std::optional<InputTransform::Normalization> normalization;
  backend::Trial trial;  ///< empty: none
  backend::DeviceWanted device = backend::DeviceWanted::automatic;
  std::size_t npu_slots = 3;     ///< at least 1; the RK3588's NPU has three cores
  backend::NpuFactory npu = {};  ///< not called if the CPU is wanted; empty: there is no NPU
  /// Called once per change of the policy's state, on any thread. Must not block or throw.
  std::function<void(const DeviceChange&)> on_device_change = {};
  /// Called when an NPU slot breaks, is repaired or cannot be. Must not block or throw either.
  std::function<void(const dispatch::SlotEvent&)> on_slot_event = {};
  std::size_t cores = 0;  ///< cores to count with for `slots`; 0: available_cores()
  std::size_t max_file_bytes = model_file::max_model_bytes;
};

/// What has happened to a model's NPU slots since it was loaded.
struct NpuStatus {
  std::size_t slots = 0;
  std::size_t usable = 0;
  std::size_t busy = 0;
  std::size_t restarts = 0;              ///< repairs of broken slots
  std::size_t retries = 0;               ///< requests that were computed again, on another slot
  std::size_t moves_away = 0;            ///< times that the last usable slot broke
  std::map<Code, std::size_t> failures;  ///< failed invokes, by the slot's error code
  std::string last_failure;              ///< the message of the last failure; empty: none yet
};

/// One version of a model, ready to answer. Shared by the requests that use it.
///
/// Its requests go to NPU slots or to CPU slots, as the DevicePolicy says. An NPU slot may break
/// and be repaired. With DeviceWanted::automatic the CPU slots exist from the start, even if the
/// NPU works: nothing has to be allocated at the moment when the NPU fails, and they cost no more
/// than the interpreters' arenas. A request whose NPU slot fails is computed once more: on the CPU
/// if that is allowed, since the cause may break the next NPU slot too, else on another NPU slot.
/// Threads: thread-safe.
class LoadedModel {
 public:
  /// Reads, checks, tries, proves, loads and warms up. Errors: those of read_model, the trial and
  /// TensorFlow Lite, with the path in front; failed_precondition with the reason if the NPU is
  /// wanted and the model cannot run there.
  [[nodiscard]] static Result<std::shared_ptr<LoadedModel>> load(ModelConfig config);

  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  [[nodiscard]] const std::string& version() const noexcept { return config_.version; }
  [[nodiscard]] const model_file::ModelInfo& info() const noexcept { return info_; }
  [[nodiscard]] const model_file::Labels& labels() const noexcept { return labels_; }
  [[nodiscard]] const ModelConfig& config() const noexcept { return config_; }
  /// SHA-256 of the file's bytes as they were read. With their number (info().file_bytes) it
  /// identifies the model, whatever the file holds by now.
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  /// The device that requests go to now; while they are refused, the device that they wait for.
  [[nodiscard]] dispatch::Device device() const;
  [[nodiscard]] const backend::DevicePolicy& policy() const noexcept { return *policy_; }
  /// What computes the model on the CPU. It means nothing if there are no CPU slots.
  [[nodiscard]] const backend::CpuReport& cpu_report() const noexcept { return cpu_report_; }
  /// Null if the model may not run on the CPU.
  [[nodiscard]] dispatch::SlotPool* cpu_slots() const noexcept { return cpu_slots_.get(); }
  /// Null if the model is not on the NPU.
  [[nodiscard]] dispatch::SlotPool* npu_slots() const noexcept { return npu_slots_.get(); }
  [[nodiscard]] const backend::NpuReport& npu_report() const noexcept { return npu_report_; }
  [[nodiscard]] NpuStatus npu_status() const;
  /// Empty for models whose input is not an image.
  [[nodiscard]] const std::optional<InputTransform>& transform() const noexcept {
    return transform_;
  }

  /// Errors: failed_precondition if the model takes no image; invalid_argument for options out of
  ///         range.
  [[nodiscard]] Result<> validate(const Options& options) const;

  /// One request, in the calling thread: decode, resize, wait for a slot, invoke, post-process.
  /// `waited` is what the request has spent in a queue already; it is added to Timings::queue.
  /// Errors: those of decode and validate; deadline_exceeded; cancelled; unavailable if the device
  ///         failed, or if it does not work at the moment and no other device is allowed.
  [[nodiscard]] Result<Response> infer(const Request& request, Clock::duration waited = {});
  /// infer() for a request that is too small to be worth another thread: a picture of at most 4 KiB
  /// and 64×64 pixels, a model input of at most 128×128, and a slot that is free. Empty if the
  /// request is not of this kind or its picture cannot be read; then nothing was done.
  [[nodiscard]] std::optional<Result<Response>> infer_if_small(const Request& request);
  /// The input tensor that infer() would feed for this picture.
  [[nodiscard]] Result<std::vector<std::byte>> input_tensor(std::span<const std::byte> image) const;

 private:
  LoadedModel() = default;
  /// Makes the labels and the input transform. Needs `config_` and `info_`.
  [[nodiscard]] Result<> make_ends(const std::filesystem::path& path);
  /// Asks the factory for NPU slots and makes the policy. Needs `config_` and `info_`.
  [[nodiscard]] Result<> take_npu(const model_file::ModelFile& file);
  [[nodiscard]] Result<> make_cpu_slots(const backend::CheckedModel& model);
  /// Brings the policy up to date with the NPU slots. Does nothing before the pool exists.
  void update_policy();
  void note_failure(const Error& error);
  void note_broken(const std::string& reason);
  /// A slot where the policy sends requests now.
  [[nodiscard]] Result<dispatch::SlotPool::Lease> acquire(Deadline deadline);
  /// Decodes and resizes into this thread's scratch memory; fills the timings and the picture's
  /// size.
  Result<> prepare(std::span<const std::byte> image, const image::DecodeOptions& options,
                   Response& response) const;
  /// Runs `slot` on the scratch memory and makes the answer. Sets `has_failed` if the slot itself
  /// failed.
  [[nodiscard]] Result<Response> compute(dispatch::ExecutionSlot& slot, const Options& options,
                                         Response response, bool& has_failed) const;
  [[nodiscard]] Result<> postprocess(const dispatch::ExecutionSlot& slot, const Options& options,
                                     Response& response) const;

  ModelConfig config_;
  model_file::ModelInfo info_;
  model_file::Labels labels_;
  std::optional<InputTransform> transform_;
  std::string sha256_;
  backend::NpuReport npu_report_;
  backend::CpuReport cpu_report_;
  std::unique_ptr<backend::DevicePolicy> policy_;
  mutable std::mutex failures_mutex_;
  std::map<Code, std::size_t> failures_;
  std::string last_failure_;
  std::atomic<std::size_t> retries_ = 0;
  std::unique_ptr<dispatch::SlotPool> cpu_slots_;
  std::atomic<dispatch::SlotPool*> npu_pool_ = nullptr;  ///< npu_slots_, for its own threads
  std::unique_ptr<dispatch::SlotPool> npu_slots_;        // last: its thread tells us of changes
};

}  // namespace gantry::inference
