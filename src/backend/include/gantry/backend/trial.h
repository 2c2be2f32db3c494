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

/// Waits for the end of a trial. Errors: what went wrong, for a person.
using TrialEnd = std::function<Result<Tried>()>;
/// Starts a trial: a run of the model in a place where a crash does no harm, before this process
/// loads it. The trial also proves XNNPACK if XNNPACK is wanted. The caller can do other work until
/// it calls the TrialEnd. Destroying the TrialEnd ends the trial.
using Trial = std::function<TrialEnd(const model_file::ModelFile& model)>;

/// A child process that loads a model, runs it and ends. TensorFlow Lite trusts a model file: a
/// wrong file can crash it, take all memory or run forever. Here only a child is lost. If XNNPACK
/// may be used, the run is also the reference of XNNPACK's proof. A failure after that run rules
/// out XNNPACK, not the model.
///
/// The model has passed only if the child said so on its channel. Exit code 0 alone, or text on its
/// output, does not count. The same holds for XNNPACK's proof.
/// Threads: thread-bound. The destructor ends a child that still runs.
class TrialProcess {
 public:
  /// Errors: unavailable if no child can be started.
  [[nodiscard]] static Result<std::unique_ptr<TrialProcess>> start(
      const model_file::ModelFile& model, CpuBackendWanted wanted, const Self& self = {});
  ~TrialProcess();
  TrialProcess(const TrialProcess&) = delete;
  TrialProcess& operator=(const TrialProcess&) = delete;

  /// Waits for its end, and kills it at `deadline`. Returns soon after `deadline` at the latest.
  /// Errors: invalid_argument with the child's own words, or how it ended; deadline_exceeded;
  ///         resource_exhausted if it says that it got no memory or no thread; unavailable if
  ///         somebody else ended it (the system, for want of memory).
  [[nodiscard]] Result<Tried> wait(Deadline deadline);

 private:
  struct Impl;
  explicit TrialProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Trials in child processes of this program. The `limit` of a trial counts from the call of its
/// TrialEnd.
[[nodiscard]] Trial trial_in_child(CpuBackendWanted wanted, std::chrono::milliseconds limit,
                                   Self self = {});

}  // namespace gantry::backend
