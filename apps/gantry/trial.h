#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/inference/loaded_model.h"

namespace gantry::cli {

/// A child process that loads a model, runs it and ends: TensorFlow Lite believes what a file says,
/// and a file that lies can crash it, take all memory or never end. Here that costs a child. Where
/// XNNPACK is not ruled out that run is the reference of its proof: what goes wrong from there on
/// costs XNNPACK.
///
/// start() and wait() are apart so that the parent can do its own reading meanwhile.
/// Threads: thread-bound. The destructor ends a child that still runs.
class TrialProcess {
 public:
  /// Starts `program trial MODEL BACKEND`. Errors: unavailable if no child can be started.
  [[nodiscard]] static Result<std::unique_ptr<TrialProcess>> start(
      const std::filesystem::path& model, inference::CpuBackendWanted backend,
      const std::filesystem::path& program = "/proc/self/exe");
  ~TrialProcess();
  TrialProcess(const TrialProcess&) = delete;
  TrialProcess& operator=(const TrialProcess&) = delete;

  /// Waits for its end, and ends it at `deadline`.
  /// Errors: invalid_argument with the child's own words, or how it ended.
  [[nodiscard]] Result<inference::Tried> wait(Deadline deadline);

 private:
  struct Impl;
  explicit TrialProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The inference::Trial of this program. The child for `expected` starts now; the trial waits for
/// it (or starts another one for another model), for at most `limit` from the call on.
[[nodiscard]] inference::Trial make_trial(const std::filesystem::path& expected,
                                          inference::CpuBackendWanted backend,
                                          std::chrono::milliseconds limit);

}  // namespace gantry::cli
