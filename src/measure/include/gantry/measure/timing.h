#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gantry/backend/cpu_backend.h"
#include "gantry/backend/load.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/model_file/model_file.h"
#include "gantry/model_file/model_info.h"
#include "gantry/tflite/session.h"

// The measurements of `gantry bench`: numbers out, nothing printed.
namespace gantry::measure {

/// A model that is loaded and measured step by step.
struct Subject {
  model_file::ModelFile file;
  model_file::ModelInfo info;
  backend::CpuBackend backend;  ///< makes sessions
  std::unique_ptr<tflite::Session> session;
  Clock::duration read{};      ///< read, hash and check the file
  Clock::duration create{};    ///< TensorFlow Lite's view of it
  Clock::duration allocate{};  ///< interpreter and tensors
};
/// `trial` may be empty; its time is not counted, nor is that of a proof without one.
[[nodiscard]] Result<Subject> load_subject(const std::filesystem::path& path, int threads,
                                           backend::CpuBackendWanted wanted,
                                           const backend::Trial& trial);

/// What goes into the inputs before each invoke.
class Input {
 public:
  /// Values from a generator with this seed: all bytes for 8 and 16 bit integers, [-1, 1) for
  /// floats. Wider integers are zeros, since they are indices or shapes mostly.
  explicit Input(std::uint64_t seed) : random_(seed) {}
  /// Always this tensor in the first input.
  explicit Input(std::vector<std::byte> tensor) : tensor_(std::move(tensor)) {}
  void fill(tflite::Session& session);
  void fill(dispatch::ExecutionSlot& slot);

 private:
  std::vector<std::byte> tensor_;
  std::mt19937_64 random_;
};

/// When a measurement ends: after `runs`, or once `time` has passed if that is set.
struct Extent {
  std::int64_t runs = 10;
  Clock::duration time{};
};
/// Called between runs with the share done.
using OnProgress = std::function<void(double)>;

/// Duration of each invoke in milliseconds.
[[nodiscard]] Result<std::vector<double>> time_invokes(tflite::Session& session, Input& input,
                                                       Extent extent,
                                                       const OnProgress& on_progress = {});

/// The same for a slot; of an NPU slot that includes the way to its process and back.
[[nodiscard]] Result<std::vector<double>> time_invokes(dispatch::ExecutionSlot& slot, Input& input,
                                                       Extent extent,
                                                       const OnProgress& on_progress = {});

/// Several sessions at once, a thread each.
struct Throughput {
  double per_second = 0;
  std::vector<double> invoke_ms;
};
[[nodiscard]] Result<Throughput> time_slots(const backend::CpuBackend& backend, std::int64_t slots,
                                            int threads, std::uint64_t seed, Clock::duration time,
                                            const OnProgress& on_progress = {});

/// The same for slots that are there already.
[[nodiscard]] Result<Throughput> time_slots(
    std::span<const std::unique_ptr<dispatch::ExecutionSlot>> slots, std::uint64_t seed,
    Clock::duration time, const OnProgress& on_progress = {});

/// Average time of an operator in one invoke.
struct OperatorCost {
  std::int32_t index = 0;  ///< in the order of execution; of a type: the number of its operators
  std::string name;
  double ms = 0;
};
[[nodiscard]] Result<std::vector<OperatorCost>> time_operators(const backend::CpuBackend& backend,
                                                               int threads, Input& input,
                                                               std::int64_t runs);
/// Summed by name, the dearest first.
[[nodiscard]] std::vector<OperatorCost> by_type(std::span<const OperatorCost> operators);

/// Decode and resize of a picture into the model's input, median of several.
struct ImageCost {
  std::int32_t width = 0, height = 0;
  double decode_ms = 0;
  double resize_ms = 0;  ///< and quantise
  std::vector<std::byte> tensor;
};
[[nodiscard]] Result<ImageCost> time_image(const std::filesystem::path& path,
                                           const model_file::ModelInfo& info, int runs);

}  // namespace gantry::measure
