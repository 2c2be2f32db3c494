#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "gantry/backend/cpu_backend.h"
#include "gantry/backend/self.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/model_file/model_file.h"

namespace gantry::backend {

/// Waits for the end of a trial that has begun. Errors: what went wrong, for a person.
using TrialEnd = std::function<Result<Tried>()>;
/// Begins to run a model once where a crash does no harm, before this process takes it in; proves
/// it with XNNPACK there where that is wanted. Begins and ends apart, so that the caller can do its
/// own reading meanwhile. Letting the end go ends the trial.
using Trial = std::function<TrialEnd(const model_file::ModelFile& model)>;

/// A child process that loads a model, runs it and ends: TensorFlow Lite believes what a file says,
/// and a file that lies can crash it, take all memory or never end. Here that costs a child. Where
/// XNNPACK is not ruled out that run is the reference of its proof: what goes wrong from there on
/// costs XNNPACK.
///
/// The model has passed only if the child said so on its own channel: silence, exit 0 and words on
/// its output are none. So has XNNPACK.
/// Threads: thread-bound. The destructor ends a child that still runs.
class TrialProcess {
 public:
  /// Errors: unavailable if no child can be started.
  [[nodiscard]] static Result<std::unique_ptr<TrialProcess>> start(
      const model_file::ModelFile& model, CpuBackendWanted wanted, const Self& self = {});
  ~TrialProcess();
  TrialProcess(const TrialProcess&) = delete;
  TrialProcess& operator=(const TrialProcess&) = delete;

  /// Waits for its end, and ends it at `deadline`; never much longer.
  /// Errors: invalid_argument with the child's own words, or how it ended.
  [[nodiscard]] Result<Tried> wait(Deadline deadline);

 private:
  struct Impl;
  explicit TrialProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Trials in child processes of this program, each of at most `limit` from the moment on that
/// somebody waits for it.
[[nodiscard]] Trial trial_in_child(CpuBackendWanted wanted, std::chrono::milliseconds limit,
                                   Self self = {});

}  // namespace gantry::backend
