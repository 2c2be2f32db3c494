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

/// What a Task's child said, and how it ended.
struct TaskEnd {
  /// It said that its job is done, and then ended with 0. Nothing else counts as that.
  bool is_done = false;
  bool was_late = false;             ///< it was killed at the deadline
  bool is_gone = true;               ///< false: it was killed and did not end, stuck in the kernel
  std::optional<int> status;         ///< as waitpid() gives it; none if it is not gone
  std::string step;                  ///< the last that it began; empty: none
  std::vector<std::string> results;  ///< what it found, in order
  std::optional<Error> error;        ///< why its job is not done, in its own words
  std::string words;                 ///< the end of its output: libraries' words, for people

  /// It ended by a signal of its own.
  [[nodiscard]] bool has_crashed() const;
  [[nodiscard]] bool exited_with(int code) const;
  /// "was ended by signal 11 (Segmentation fault)", "did not end in time", "did not end in time,
  /// and cannot be ended: its device may hold it".
  [[nodiscard]] std::string text() const;
};

/// A child process that does one job, tells what came of it on a channel of its own (descriptor 3),
/// and ends. Its side is run_task() of child.h. Threads: thread-bound. The destructor ends a child
/// that still runs.
class Task {
 public:
  /// Launch::descriptors are 4, 5, … in the child. Errors: as Process::start.
  [[nodiscard]] static Result<Task> start(Launch launch);

  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }

  /// Waits for its end, and kills it at `deadline`; returns `end_limit` later at the latest,
  /// whatever the child does. Once.
  [[nodiscard]] TaskEnd wait(Deadline deadline);

 private:
  /// Takes the messages that are there. False once there will be no more.
  bool read_messages(TaskEnd& end);
  static void take(TaskEnd& end, std::string_view message);
  Process process_;
  UniqueFd socket_;
};

}  // namespace gantry::sandbox
