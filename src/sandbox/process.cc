#include "gantry/sandbox/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/poll_time.h"

namespace gantry::sandbox {
namespace {

/// posix_spawn's two sets of options.
struct SpawnOptions {
  SpawnOptions() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

/// Children that did not end when they were killed. They stay zombies from their end on until
/// somebody asks.
class LeftBehind {
 public:
  void add(pid_t pid) {
    const std::scoped_lock lock(mutex_);
    pids_.push_back(pid);
  }
  void reap() {
    const std::scoped_lock lock(mutex_);
    std::erase_if(pids_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> pids_;
};
LeftBehind& left_behind() {
  static LeftBehind all;
  return all;
}

}  // namespace

Result<Process> Process::start(const Launch& launch) {
  left_behind().reap();
  const auto failed = [&](int error) {
    return fail(Code::unavailable,
                format_text("{}: {}", launch.program.string(), errno_text(error)));
  };
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return failed(errno);
  }
  Process process;
  process.kill_ = launch.kill;
  process.most_words_ = launch.most_words;
  process.words_fd_.reset(ends[0]);
  const UniqueFd write_end(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);

  SpawnOptions options;
  posix_spawn_file_actions_addopen(&options.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&options.actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&options.actions, write_end.get(), STDERR_FILENO);
  const int first_closed = first_descriptor + static_cast<int>(launch.descriptors.size());
  // From above all targets, so that none is overwritten before it is copied.
  std::vector<UniqueFd> copies;
  for (const int descriptor : launch.descriptors) {
    UniqueFd copy(fcntl(descriptor, F_DUPFD_CLOEXEC, first_closed));
    if (!copy) {
      return failed(errno);
    }
    posix_spawn_file_actions_adddup2(&options.actions, copy.get(),
                                     first_descriptor + static_cast<int>(copies.size()));
    copies.push_back(std::move(copy));
  }
  // Ours are closed on exec; what a library has opened without that is closed here.
  posix_spawn_file_actions_addclosefrom_np(&options.actions, first_closed);
  // The parent may have blocked or ignored signals; a crash must end the child as it would
  // anywhere.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&options.attributes, &none);
  posix_spawnattr_setsigdefault(&options.attributes, &all);
  posix_spawnattr_setflags(&options.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string name = "gantry";
  std::vector<std::string> arguments = launch.arguments;
  std::vector<char*> pointers = {name.data()};
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  const int error = posix_spawn(&process.pid_, launch.program.c_str(), &options.actions,
                                &options.attributes, pointers.data(), environ);
  if (error != 0) {
    process.pid_ = -1;
    return failed(error);
  }
  process.pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      kill_(other.kill_),
      most_words_(other.most_words_),
      pidfd_(std::move(other.pidfd_)),
      words_fd_(std::move(other.words_fd_)),
      words_(std::move(other.words_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(kill_, other.kill_);
  std::swap(most_words_, other.most_words_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(words_fd_, other.words_fd_);
  std::swap(words_, other.words_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (!end(Deadline::after(end_limit))) {
    left_behind().add(pid_);
  }
}

bool Process::end(Deadline deadline) {
  if (!is_started() || has_ended()) {
    return true;
  }
  kill_(pid_, SIGKILL);
  return wait(deadline);
}

bool Process::wait(Deadline deadline) {
  while (is_started() && !try_reap()) {
    if (deadline.has_passed()) {
      return false;
    }
    if (pidfd_) {
      pollfd waited{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
      poll(&waited, 1, poll_time(deadline));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // no way to be told
    }
  }
  return true;
}

bool Process::try_reap() {
  if (!status_) {
    int status = 0;
    const pid_t reaped = waitpid(pid_, &status, WNOHANG);
    // Where SIGCHLD is ignored nobody gets to know how a child ended: that is no success.
    constexpr int unknown = W_EXITCODE(255, 0);
    if (reaped == pid_ || (reaped < 0 && errno == ECHILD)) {
      status_ = reaped == pid_ ? status : unknown;
      pidfd_.reset();
    }
  }
  return status_.has_value();
}

bool Process::read_words() {
  std::array<char, 4096> piece{};
  // Bounded: who writes without end must not keep us here.
  constexpr std::size_t most_at_once = std::size_t{64} << 10U;
  for (std::size_t taken = 0; words_fd_ && taken < most_at_once;) {
    const ssize_t got = read(words_fd_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      break;  // nothing there now
    }
    if (got == 0) {
      words_fd_.reset();
      break;
    }
    taken += static_cast<std::size_t>(got);
    words_.append(piece.data(), static_cast<std::size_t>(got));
    if (words_.size() > most_words_) {
      words_.erase(0, words_.size() - most_words_);
    }
  }
  return static_cast<bool>(words_fd_);
}

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    const char* const name = sigdescr_np(signal);
    return format_text("was ended by signal {} ({})", signal, name == nullptr ? "unknown" : name);
  }
  return format_text("ended with exit code {}", WEXITSTATUS(wait_status));
}

std::string last_line(std::string_view words) {
  while (words.ends_with('\n')) {
    words.remove_suffix(1);
  }
  return printable(words.substr(words.rfind('\n') + 1)).substr(0, 200);
}

}  // namespace gantry::sandbox
