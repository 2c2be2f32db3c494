#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::cli {

/// How a child process ended.
struct ChildEnd {
  bool was_late = false;  ///< it was ended at the deadline
  int status = 0;         ///< as waitpid() gives it; meaningless if it was late
  std::string words;      ///< the end of what it wrote to stdout and stderr

  [[nodiscard]] bool exited_with(int code) const;
  [[nodiscard]] bool has_crashed() const;  ///< by a signal of its own
  /// "ended by signal 11 (Segmentation fault)", "ended with exit code 7".
  [[nodiscard]] std::string text() const;
  /// What it say()s last with this mark; nothing if it does not.
  [[nodiscard]] std::optional<std::string> said(std::string_view mark) const;
};

/// A child process whose words are kept. Threads: thread-bound. The destructor ends a child that
/// still runs.
class ChildProcess {
 public:
  /// Starts `program` with these arguments (without its name), /dev/null as its input, and no
  /// signal blocked or ignored. Errors: unavailable with the system's reason.
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
      const std::filesystem::path& program, std::vector<std::string> arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Waits until it closes its output, by ending, and ends it at `deadline`. `most_words` last
  /// bytes of its output are kept.
  [[nodiscard]] ChildEnd wait(Deadline deadline, std::size_t most_words = 16384);

 private:
  ChildProcess(pid_t pid, UniqueFd words) : pid_(pid), words_(std::move(words)) {}
  pid_t pid_;
  UniqueFd words_;  ///< reading end of the child's stdout and stderr
};

/// The last line of a child's words, printable and short.
[[nodiscard]] std::string last_line(std::string_view words);

/// In a child: a line for its parent, told by its mark from what libraries write, and written at
/// once, since what comes next may be the end.
void say(std::string_view mark, std::string_view words);

/// For a child that runs what may do anything: it ends with its parent, leaves no core file, and
/// gets at most this much processor time and 4 GiB of address space.
void limit_this_child(unsigned cpu_seconds);

}  // namespace gantry::cli
