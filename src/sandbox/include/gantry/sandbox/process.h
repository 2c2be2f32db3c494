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

/// How long to wait for the end of a killed child, by default. The child ends much earlier, unless
/// its device holds it in the kernel.
inline constexpr Clock::duration end_limit = std::chrono::seconds(1);

/// How a child is started.
struct Launch {
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments = {};  ///< without the program's name
  /// Borrowed during start(). In the child they are 3, 4, … in this order. The child has no other
  /// descriptors but 0, 1 and 2.
  std::vector<int> descriptors = {};
  /// Bytes of its output that are kept, the last ones.
  std::size_t most_words = std::size_t{16} << 10U;
  /// Sends the signal that ends the child. A test may pass a function that does nothing: the child
  /// then looks stuck in the kernel.
  int (*kill)(pid_t, int) = ::kill;
};

/// A child process. The end of its output ("words") is kept. Threads: one thread at a time.
class Process {
 public:
  /// Starts the child with /dev/null as its input, a pipe to us as its output and errors, and no
  /// signal blocked or ignored.
  /// Errors: unavailable with the system's reason.
  /// If the system's vfork does not share memory, as
  /// under user-mode emulation, a program that can't be executed is no error here: the process ends
  /// with 127.
  [[nodiscard]] static Result<Process> start(const Launch& launch);
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Kills the child and waits at most `end_limit`. A child that has not ended by then is left
  /// behind; a later start() reaps it.
  ~Process();

  /// Kills the child (SIGKILL) and waits until `deadline`. True if the child has ended; then its
  /// status is known. A child that waits for its device in the kernel may need longer: call end()
  /// again later.
  bool end(Deadline deadline);
  /// Waits until the child ends by itself, or until `deadline`. True if it has ended.
  bool wait(Deadline deadline);

  [[nodiscard]] bool is_started() const noexcept { return pid_ > 0; }
  [[nodiscard]] bool has_ended() const noexcept { return status_.has_value(); }
  /// Readable once the child has ended; -1 if the kernel has no pidfd.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  /// Readable when the child has written output or closed it.
  [[nodiscard]] int words_fd() const noexcept { return words_fd_.get(); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// The status of waitpid(), once the child has ended; that of exit code 255 if the system does
  /// not tell, since this process ignores SIGCHLD.
  [[nodiscard]] std::optional<int> status() const noexcept { return status_; }

  /// Reads the output that is there and keeps its end. False once the child has closed its output.
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
