#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::worker {

/// A child process whose last words are kept. Threads: one thread at a time.
class Process {
 public:
  /// Starts `program` with these arguments (without its name): /dev/null as its input, a pipe to
  /// us as its output and errors, `socket` (if not -1) as descriptor 3, no other descriptor, no
  /// signal blocked or ignored.
  /// Errors: unavailable with the system's reason. Where the system's vfork shares no memory, as
  /// under user-mode emulation, a program that can't be executed is not noticed here: the process
  /// ends with 127.
  [[nodiscard]] static Result<Process> start(const std::filesystem::path& program,
                                             std::vector<std::string> arguments, int socket = -1);
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Ends it.
  ~Process();

  /// Ends it (SIGKILL). True once it is gone, its status known; a process that waits for its
  /// device may take its time, and then is asked again.
  bool end(Deadline deadline);
  /// Waits for its end, without doing anything for it.
  bool wait(Deadline deadline);

  [[nodiscard]] bool is_started() const noexcept { return pid_ > 0; }
  [[nodiscard]] bool has_ended() const noexcept { return status_.has_value(); }
  /// Readable once it has ended; -1 where the kernel has no such thing.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  /// Readable when it has written something, or closed its output.
  [[nodiscard]] int words_fd() const noexcept { return words_fd_.get(); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// As waitpid() gives it, once it has ended.
  [[nodiscard]] std::optional<int> status() const noexcept { return status_; }

  /// Takes what it has written; keeps the last 16 KiB. False once it has closed its output.
  bool read_words();
  [[nodiscard]] const std::string& words() const noexcept { return words_; }

 private:
  bool try_reap();
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd words_fd_;
  std::string words_;
  std::optional<int> status_;
};

/// "was ended by signal 11 (Segmentation fault)", "ended with exit code 7".
[[nodiscard]] std::string how_it_ended(int wait_status);

}  // namespace gantry::worker
