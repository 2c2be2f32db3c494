#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::sandbox {

/// The first of Launch::descriptors in the child; the others follow it.
inline constexpr int first_descriptor = 3;

/// How long a killed child is waited for by default. It is gone long before, unless its device
/// holds it in the kernel.
inline constexpr Clock::duration end_limit = std::chrono::seconds(1);

/// What a child is started with.
struct Launch {
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments = {};  ///< without the program's name
  /// Borrowed for the start. In the child they are 3, 4, … in this order; no others are open there.
  std::vector<int> descriptors = {};
  std::size_t most_words = std::size_t{16} << 10U;  ///< last bytes of its output that are kept
  /// Sends the signal that ends it. A test's that does nothing stands for a child which is stuck in
  /// the kernel.
  int (*kill)(pid_t, int) = ::kill;
};

/// A child process whose last words are kept. Threads: one thread at a time.
class Process {
 public:
  /// Starts the child with /dev/null as its input, a pipe to us as its output and errors, and no
  /// signal blocked or ignored.
  /// Errors: unavailable with the system's reason. Where the system's vfork shares no memory, as
  /// under user-mode emulation, a program that can't be executed is not noticed here: the process
  /// ends with 127.
  [[nodiscard]] static Result<Process> start(const Launch& launch);
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Ends it, waiting for at most `end_limit`. One that does not end is left behind: a later
  /// start() reaps it once it has.
  ~Process();

  /// Kills it (SIGKILL). True once it is gone, its status known; a process that waits for its
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

  /// Takes what it has written; keeps the end. False once it has closed its output.
  bool read_words();
  [[nodiscard]] const std::string& words() const noexcept { return words_; }

 private:
  bool try_reap();
  pid_t pid_ = -1;
  int (*kill_)(pid_t, int) = ::kill;
  std::size_t most_words_ = 0;
  UniqueFd pidfd_;
  UniqueFd words_fd_;
  std::string words_;
  std::optional<int> status_;
};

/// "was ended by signal 11 (Segmentation fault)", "ended with exit code 7".
[[nodiscard]] std::string how_it_ended(int wait_status);

/// The last line of a child's words, printable and short; empty if there are none.
[[nodiscard]] std::string last_line(std::string_view words);

}  // namespace gantry::sandbox
