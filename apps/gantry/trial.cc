#include "trial.h"

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
#include <exception>
#include <format>
#include <optional>
#include <print>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "commands.h"
#include "gantry/base/file.h"
#include "gantry/base/unique_fd.h"
#include "gantry/repository/model_info.h"
#include "gantry/tflite/session.h"
#include "options.h"
#include "terminal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GANTRY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GANTRY_SANITIZED 1
#endif
#endif

namespace gantry::cli {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;
constexpr std::size_t max_words_bytes = 16384;
/// Before what the child has to say; TensorFlow Lite writes lines of its own to the same pipe.
constexpr std::string_view refusal_mark = "gantry-trial: ";

void set_limit(decltype(RLIMIT_CORE) what, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  setrlimit(what, &limit);  // without it the parent's time limit still holds
}

Result<> run_once(const std::filesystem::path& path) {
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  if (auto info = repository::read_model(file->bytes()); !info) {
    return std::unexpected(std::move(info).error());
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  auto session = tflite::Session::create(*std::move(model), {});
  if (!session) {
    return std::unexpected(std::move(session).error());
  }
  for (std::size_t i = 0; i < (*session)->inputs().size(); ++i) {
    std::ranges::fill((*session)->input(i), std::byte{0});
  }
  return (*session)->invoke();
}

std::string last_line(std::string_view words) {
  while (words.ends_with('\n')) {
    words.remove_suffix(1);
  }
  return printable(words.substr(words.rfind('\n') + 1)).substr(0, 200);
}

}  // namespace

int trial(std::span<char* const> arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_CPU, 60);
#ifndef GANTRY_SANITIZED
  set_limit(RLIMIT_AS, rlim_t{4} << 30U);  // sanitizers reserve terabytes of address space
#endif
  if (arguments.size() != 1) {
    std::println("{}want one model", refusal_mark);
    return to_int(Exit::usage);
  }
  std::string reason;
  try {
    if (const Result<> done = run_once(arguments.front()); !done) {
      reason = done.error().message;
    }
  } catch (const std::bad_alloc&) {
    reason = "needs more than 4 GiB of memory";
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (!reason.empty()) {
    std::println("{}{}", refusal_mark, reason);
  }
  std::fflush(stdout);
  // Not exit(): destructors of a model that made trouble may make more.
  _exit(reason.empty() ? to_int(Exit::good) : to_int(Exit::bad));
}

struct TrialProcess::Impl {
  pid_t pid = -1;
  UniqueFd words;  ///< reading end of the child's stdout and stderr
};

TrialProcess::TrialProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TrialProcess::~TrialProcess() {
  if (impl_->pid > 0) {
    kill(impl_->pid, SIGKILL);
    waitpid(impl_->pid, nullptr, 0);
  }
}

Result<std::unique_ptr<TrialProcess>> TrialProcess::start(const std::filesystem::path& model,
                                                          const std::filesystem::path& program) {
  const auto failed = [&](int error) {
    return fail(
        Code::unavailable,
        std::format("cannot try the model in a child process: {}: {}; --no-trial loads it without",
                    program.string(), std::generic_category().message(error)));
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
  std::string command = "trial";
  std::string path = model.string();
  const std::array<char*, 4> arguments = {name.data(), command.data(), path.data(), nullptr};
  auto impl = std::make_unique<Impl>();
  const int error =
      posix_spawn(&impl->pid, program.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    impl->pid = -1;
    return failed(error);
  }
  impl->words = std::move(read_end);
  return std::unique_ptr<TrialProcess>(new TrialProcess(std::move(impl)));
}

Result<> TrialProcess::wait(Deadline deadline) {
  std::string words;
  bool late = false;
  for (;;) {  // until the child closes its end, by ending
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline.time() - Clock::now()).count();
    pollfd waited{.fd = impl_->words.get(), .events = POLLIN, .revents = 0};
    const int ready =
        left <= 0 ? 0 : poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      late = true;
      kill(impl_->pid, SIGKILL);
      break;
    }
    std::array<char, 4096> piece{};
    const ssize_t got = read(impl_->words.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    words.append(piece.data(), static_cast<std::size_t>(got));
    if (words.size() > max_words_bytes) {
      words.erase(0, words.size() - max_words_bytes);
    }
  }
  int status = 0;
  while (waitpid(impl_->pid, &status, 0) < 0 && errno == EINTR) {
  }
  impl_->pid = -1;

  const std::size_t mark = words.rfind(refusal_mark);
  if (mark != std::string::npos) {
    return fail(Code::invalid_argument, last_line(words.substr(mark + refusal_mark.size())));
  }
  if (late) {
    return fail(Code::invalid_argument,
                "one inference on zeros did not end within --trial-timeout, in a child process "
                "that tried it");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return {};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && words.empty()) {
    // What posix_spawn's child says when it cannot execute the program and cannot tell its parent:
    // under user-mode emulation, whose vfork shares no memory.
    return fail(
        Code::unavailable,
        "cannot try the model in a child process: the program cannot be executed from itself; "
        "--no-trial loads the model without");
  }
  const std::string said =
      words.empty() ? "" : std::format("; its last words: {}", last_line(words));
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fail(
        Code::invalid_argument,
        std::format("TensorFlow Lite crashed on it, in a child process that tried it: ended by "
                    "signal {} ({}){}",
                    signal, sigdescr_np(signal) == nullptr ? "unknown" : sigdescr_np(signal),
                    said));
  }
  return fail(Code::invalid_argument,
              std::format("a child process that tried the model ended with exit code {}{}",
                          WEXITSTATUS(status), said));
}

inference::Trial make_trial(const std::filesystem::path& expected,
                            std::chrono::milliseconds limit) {
  // std::function wants copies, hence the shared state. A child that cannot be started is reported
  // by the trial.
  struct Started {
    std::filesystem::path model;
    Result<std::unique_ptr<TrialProcess>> process;
  };
  auto started = std::make_shared<Started>(Started{expected, TrialProcess::start(expected)});
  return [started, limit](const std::filesystem::path& model) -> Result<> {
    const Deadline deadline = Deadline::after(limit);
    if (model != started->model || (started->process && *started->process == nullptr)) {
      started->process = TrialProcess::start(model);
    }
    if (!started->process) {
      return std::unexpected(started->process.error());
    }
    const std::unique_ptr<TrialProcess> process = std::exchange(*started->process, nullptr);
    return process->wait(deadline);
  };
}

}  // namespace gantry::cli
