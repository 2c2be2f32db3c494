#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gantry/tflite/session.h"
#include "tensorflow/lite/profiling/telemetry/c/profiler.h"

namespace gantry::tflite {

/// Sums up the time of each operator of the main subgraph. (The operators in a loop's body count
/// towards the loop.) TensorFlow Lite holds a pointer to this object, so it must not move, and must
/// outlive the interpreter.
/// Threads: one thread at a time.
class OperatorProfile {
 public:
  OperatorProfile();
  ~OperatorProfile() = default;
  OperatorProfile(const OperatorProfile&) = delete;
  OperatorProfile& operator=(const OperatorProfile&) = delete;

  [[nodiscard]] TfLiteTelemetryProfilerStruct* callbacks() noexcept { return &callbacks_; }
  /// In the order of first execution.
  [[nodiscard]] const std::vector<OperatorTime>& times() const noexcept { return times_; }
  void reset() noexcept;

 private:
  std::uint32_t begin(const char* name, std::int64_t node, std::int64_t subgraph);
  void end(std::uint32_t handle) noexcept;

  struct Running {
    std::size_t position = 0;  ///< in times_
    Clock::time_point begin;
  };
  TfLiteTelemetryProfilerStruct callbacks_{};
  std::vector<OperatorTime> times_;
  std::vector<std::size_t> position_of_node_;
  std::vector<Running> running_;
};

}  // namespace gantry::tflite
