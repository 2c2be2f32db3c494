#include "child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <format>
#include <print>
#include <string_view>
#include <system_error>
#include <utility>

#include "gantry/base/text.h"
#include "gantry/cli/terminal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GANTRY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GANTRY_SANITIZED 1
#endif
#endif

namespace gantry::cli {
namespace {

void set_limit(decltype(RLIMIT_CORE) what, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  setrlimit(what, &limit);  // without it the parent's time limit still holds
}

}  // namespace

void limit_this_child(unsigned cpu_seconds) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_CPU, cpu_seconds);
#ifndef GANTRY_SANITIZED
  set_limit(RLIMIT_AS, rlim_t{4} << 30U);  // sanitizers reserve terabytes of address space
#endif
}

std::string last_line(std::string_view words) {
  while (words.ends_with('\n')) {
    words.remove_suffix(1);
  }
  return printable(words.substr(words.rfind('\n') + 1)).substr(0, 200);
}

void say(std::string_view mark, std::string_view words) {
  std::println("{}{}", mark, words);
  std::fflush(stdout);
}

std::optional<std::string> ChildEnd::said(std::string_view mark) const {
  const std::size_t at = words.rfind(mark);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t begin = at + mark.size();
  return words.substr(begin, words.find('\n', begin) - begin);
}

bool ChildEnd::exited_with(int code) const {
  return !was_late && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

bool ChildEnd::has_crashed() const { return !was_late && WIFSIGNALED(status); }

std::string ChildEnd::text() const {
  if (was_late) {
    return "did not end in time";
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* const name = sigdescr_np(signal);
    return std::format("ended by signal {} ({})", signal, name == nullptr ? "unknown" : name);
  }
  return std::format("ended with exit code {}", WEXITSTATUS(status));
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::filesystem::path& program,
                                                          std::vector<std::string> arguments) {
  const auto failed = [&](int error) {
    return fail(Code::unavailable,
                std::format("{}: {}", program.string(), std::generic_category().message(error)));
  };
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return failed(errno);
  }
  UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // The parent may have blocked or ignored signals; a crash must end the child as it would
  // anywhere.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string name = "gantry";
  std::vector<char*> pointers = {name.data()};
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, program.c_str(), &actions, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return failed(error);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, std::move(read_end)));
}

ChildEnd ChildProcess::wait(Deadline deadline, std::size_t most_words) {
  ChildEnd end;
  for (;;) {  // until the child closes its end, by ending
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline.time() - Clock::now()).count();
    pollfd waited{.fd = words_.get(), .events = POLLIN, .revents = 0};
    const int ready =
        left <= 0 ? 0 : poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      end.was_late = true;
      kill(pid_, SIGKILL);
      break;
    }
    std::array<char, 4096> piece{};
    const ssize_t got = read(words_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    end.words.append(piece.data(), static_cast<std::size_t>(got));
    if (end.words.size() > most_words) {
      end.words.erase(0, end.words.size() - most_words);
    }
  }
  while (waitpid(pid_, &end.status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return end;
}

}  // namespace gantry::cli
