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

// The measurements of `gantry bench`. They return numbers and print nothing.
namespace gantry::measure {

/// A model that was loaded, with the time of each step.
struct Subject {
  model_file::ModelFile file;
  model_file::ModelInfo info;
  backend::CpuBackend backend;  ///< makes sessions
  std::unique_ptr<tflite::Session> session;
  Clock::duration read{};      ///< to read, hash and check the file
  Clock::duration create{};    ///< to make TensorFlow Lite's view of it
  Clock::duration allocate{};  ///< to make the interpreter and its tensors
};
/// `trial` may be empty. The time of the trial is not counted, and neither is the time of the proof
/// that stands in for a missing trial.
[[nodiscard]] Result<Subject> load_subject(const std::filesystem::path& path, int threads,
                                           backend::CpuBackendWanted wanted,
                                           const backend::Trial& trial);

/// What goes into the inputs before each invoke.
class Input {
 public:
  /// Values from a generator with this seed: all bytes for 8 and 16 bit integers, [-1, 1) for
  /// floats. Wider integers are zeros, since they are mostly indices or shapes.
  explicit Input(std::uint64_t seed) : random_(seed) {}
  /// Always this tensor in the first input.
  explicit Input(std::vector<std::byte> tensor) : tensor_(std::move(tensor)) {}
  void fill(tflite::Session& session);
  void fill(dispatch::ExecutionSlot& slot);

 private:
  std::vector<std::byte> tensor_;
  std::mt19937_64 random_;
};

/// When a measurement ends: after `runs` runs, or once `time` has passed if `time` is set.
struct Extent {
  std::int64_t runs = 10;
  Clock::duration time{};
};
/// Called between runs with the share that is done, in [0, 1].
using OnProgress = std::function<void(double)>;

/// Duration of each invoke in milliseconds.
[[nodiscard]] Result<std::vector<double>> time_invokes(tflite::Session& session, Input& input,
                                                       Extent extent,
                                                       const OnProgress& on_progress = {});

/// time_invokes() for a slot. For an NPU slot the times include the way to its process and back.
[[nodiscard]] Result<std::vector<double>> time_invokes(dispatch::ExecutionSlot& slot, Input& input,
                                                       Extent extent,
                                                       const OnProgress& on_progress = {});

/// The result of several sessions that run at once, one thread each.
struct Throughput {
  double per_second = 0;
  std::vector<double> invoke_ms;
};
[[nodiscard]] Result<Throughput> time_slots(const backend::CpuBackend& backend, std::int64_t slots,
                                            int threads, std::uint64_t seed, Clock::duration time,
                                            const OnProgress& on_progress = {});

/// time_slots() for slots that exist already.
[[nodiscard]] Result<Throughput> time_slots(
    std::span<const std::unique_ptr<dispatch::ExecutionSlot>> slots, std::uint64_t seed,
    Clock::duration time, const OnProgress& on_progress = {});

/// Average time of an operator in one invoke.
struct OperatorCost {
  /// Index in the order of execution; in by_type(): the number of operators of the type.
  std::int32_t index = 0;
  std::string name;
  double ms = 0;
};
[[nodiscard]] Result<std::vector<OperatorCost>> time_operators(const backend::CpuBackend& backend,
                                                               int threads, Input& input,
                                                               std::int64_t runs);
/// The costs summed by name, the most expensive first.
[[nodiscard]] std::vector<OperatorCost> by_type(std::span<const OperatorCost> operators);

/// Times to decode a picture and to resize it into the model's input, medians of several runs.
struct ImageCost {
  std::int32_t width = 0, height = 0;
  double decode_ms = 0;
  double resize_ms = 0;  ///< to resize and quantise
  std::vector<std::byte> tensor;
};
[[nodiscard]] Result<ImageCost> time_image(const std::filesystem::path& path,
                                           const model_file::ModelInfo& info, int runs);

}  // namespace gantry::measure
