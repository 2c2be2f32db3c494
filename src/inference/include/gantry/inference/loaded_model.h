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

/// The model's requests go elsewhere from now on.
struct DeviceChange {
  backend::DevicePolicy::State state;
  std::string reason;      ///< of leaving the NPU: its last failure
  std::size_t usable = 0;  ///< NPU slots
};

struct ModelConfig {
  std::filesystem::path path;
  std::string name;  ///< empty: the file's stem
  std::string version = "1";
  std::filesystem::path labels;  ///< empty: beside the model, else in its metadata
  std::size_t slots = 0;         ///< 0: cores / threads_per_slot, at least 1
  int threads_per_slot = 1;      ///< at least 1. More than one wait by spinning
  backend::CpuBackendWanted cpu_backend = backend::CpuBackendWanted::automatic;
  bool warm_up = true;  ///< run every slot once before the model is ready
  image::DecodeOptions decode;
  /// Empty: the metadata's for float inputs, else the rule of InputTransform.
  std::optional<InputTransform::Normalization> normalization;
  backend::Trial trial;  ///< empty: none
  backend::DeviceWanted device = backend::DeviceWanted::automatic;
  std::size_t npu_slots = 3;     ///< at least 1. One for each core of the RK3588's NPU
  backend::NpuFactory npu = {};  ///< not asked where the CPU is wanted; empty: there is no NPU
  /// Called once per change of the policy's state, on any thread. Must not block or throw.
  std::function<void(const DeviceChange&)> on_device_change = {};
  /// Told what becomes of each NPU slot; the same rules.
  std::function<void(const dispatch::SlotEvent&)> on_slot_event = {};
  std::size_t cores = 0;  ///< for the two defaults above; 0: available_cores()
  std::size_t max_file_bytes = model_file::max_model_bytes;
};

/// What became of a model's NPU slots since it was loaded.
struct NpuStatus {
  std::size_t slots = 0;
  std::size_t usable = 0;
  std::size_t busy = 0;
  std::size_t restarts = 0;              ///< slots that broke and were made anew
  std::size_t retries = 0;               ///< requests that were computed again elsewhere
  std::size_t moves_away = 0;            ///< times that no slot was usable any more
  std::map<Code, std::size_t> failures;  ///< of invokes, by what the slot said
  std::string last_failure;              ///< its words; empty: none yet
};

/// One version of a model, ready to answer. Shared by the requests that use it.
///
/// Its requests go where the DevicePolicy says: to NPU slots, of which each may break and come
/// back, or to CPU slots. With DeviceWanted::automatic the CPU slots are there from the start, even
/// if the NPU works: when it fails is no time to allocate, and they cost the interpreters' arenas
/// alone. A request whose NPU slot fails is computed once more, on the CPU where that is allowed,
/// since what broke one slot may break the next; else on another NPU slot.
/// Threads: thread-safe.
class LoadedModel {
 public:
  /// Reads, checks, tries, proves, loads and warms up. Errors: what read_model, the trial and
  /// TensorFlow Lite say, prefixed with the path; failed_precondition with the reason if the NPU is
  /// wanted and the model cannot be there.
  [[nodiscard]] static Result<std::shared_ptr<LoadedModel>> load(ModelConfig config);

  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  [[nodiscard]] const std::string& version() const noexcept { return config_.version; }
  [[nodiscard]] const model_file::ModelInfo& info() const noexcept { return info_; }
  [[nodiscard]] const model_file::Labels& labels() const noexcept { return labels_; }
  [[nodiscard]] const ModelConfig& config() const noexcept { return config_; }
  /// Of the file's bytes as they were read: with their number (info().file_bytes), what this model
  /// is, whatever stands at its path by now.
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  /// Where requests go now; where they would go, if they are refused for a while.
  [[nodiscard]] dispatch::Device device() const;
  [[nodiscard]] const backend::DevicePolicy& policy() const noexcept { return *policy_; }
  /// What computes it on the CPU; without slots there, nothing does.
  [[nodiscard]] const backend::CpuReport& cpu_report() const noexcept { return cpu_report_; }
  /// Null where the model is not to run on the CPU.
  [[nodiscard]] dispatch::SlotPool* cpu_slots() const noexcept { return cpu_slots_.get(); }
  /// Null where the model is not on the NPU.
  [[nodiscard]] dispatch::SlotPool* npu_slots() const noexcept { return npu_slots_.get(); }
  [[nodiscard]] const backend::NpuReport& npu_report() const noexcept { return npu_report_; }
  [[nodiscard]] NpuStatus npu_status() const;
  /// Empty for models whose input is no image.
  [[nodiscard]] const std::optional<InputTransform>& transform() const noexcept {
    return transform_;
  }

  /// Errors: failed_precondition if the model takes no image; invalid_argument for options out of
  /// range.
  [[nodiscard]] Result<> validate(const Options& options) const;

  /// One request, in the calling thread: decode, resize, wait for a slot, invoke, post-process.
  /// `waited` is what the request has spent in a queue already; it is added to Timings::queue.
  /// Errors: those of decode and validate; deadline_exceeded; cancelled; unavailable if the device
  /// failed, or does not work at the moment and no other is allowed.
  [[nodiscard]] Result<Response> infer(const Request& request, Clock::duration waited = {});
  /// infer() for a request that is no work worth another thread: a small picture (4 KiB, 64×64
  /// pixels) for a small input (128×128) while a slot is free. Empty: it is not like that, or its
  /// picture can't be read; nothing was done.
  [[nodiscard]] std::optional<Result<Response>> infer_if_small(const Request& request);
  /// The input tensor that infer() would feed for this picture.
  [[nodiscard]] Result<std::vector<std::byte>> input_tensor(std::span<const std::byte> image) const;

 private:
  LoadedModel() = default;
  /// Labels, and how pictures become its input. `config_` and `info_` are there.
  [[nodiscard]] Result<> make_ends(const std::filesystem::path& path);
  /// Asks the factory for NPU slots and decides on the policy. `config_` and `info_` are there.
  [[nodiscard]] Result<> take_npu(const model_file::ModelFile& file);
  [[nodiscard]] Result<> make_cpu_slots(const backend::CheckedModel& model);
  /// Brings the policy up to date with the NPU slots; nothing before the pool is there.
  void update_policy();
  void note_failure(const Error& error);
  void note_broken(const std::string& reason);
  /// A slot where the policy sends requests now.
  [[nodiscard]] Result<dispatch::SlotPool::Lease> acquire(Deadline deadline);
  /// Decodes and resizes into this thread's scratch memory; fills the timings and the picture's
  /// size.
  Result<> prepare(std::span<const std::byte> image, const image::DecodeOptions& options,
                   Response& response) const;
  /// From the scratch memory through `slot` to the answer. `has_failed` tells the slot's own
  /// failures from others.
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
  std::atomic<dispatch::SlotPool*> npu_pool_ = nullptr;  ///< the next, for its own threads
  std::unique_ptr<dispatch::SlotPool> npu_slots_;        // last: its thread tells us of changes
};

}  // namespace gantry::inference
