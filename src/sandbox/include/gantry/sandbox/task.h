#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"
#include "gantry/sandbox/process.h"

namespace gantry::sandbox {

/// What a Task's child reported, and how it ended.
struct TaskEnd {
  /// The child reported that its job is done, and then ended with 0. Nothing else counts as done.
  bool is_done = false;
  bool was_late = false;  ///< the child was killed at the deadline
  /// False: the child was killed and did not end, since it is stuck in the kernel.
  bool is_gone = true;
  std::optional<int> status;         ///< the status of waitpid(); empty unless `is_gone`
  std::string step;                  ///< the last step that it began; empty: none
  std::vector<std::string> results;  ///< of Teller::result(), in order
  std::optional<Error> error;        ///< the child's own error, if the job failed
  /// The end of its output, such as messages of libraries; for people.
  std::string words;

  /// The child ended by a signal that the parent did not send.
  [[nodiscard]] bool has_crashed() const;
  [[nodiscard]] bool exited_with(int code) const;
  /// "was ended by signal 11 (Segmentation fault)", "did not end in time", "did not end in time,
  /// and cannot be ended: its device may hold it".
  [[nodiscard]] std::string text() const;
};

/// A child process that does one job, reports the result on its own channel (descriptor 3), and
/// ends. The child's side is run_task() of child.h. Threads: thread-bound. The destructor ends a
/// child that still runs.
class Task {
 public:
  /// In the child, Launch::descriptors are 4, 5, …. Errors: as Process::start.
  [[nodiscard]] static Result<Task> start(Launch launch);

  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }

  /// Waits for the child's end, and kills the child at `deadline`. Returns at most `end_limit`
  /// after `deadline`, whatever the child does. Call it once.
  [[nodiscard]] TaskEnd wait(Deadline deadline);

 private:
  /// Reads messages that are there. True if more may be there.
  bool read_messages(TaskEnd& end);
  static void take(TaskEnd& end, std::string_view message);
  Process process_;
  UniqueFd socket_;
};

}  // namespace gantry::sandbox
