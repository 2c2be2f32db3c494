#include "gantry/sandbox/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/sandbox/channel.h"
#include "gantry/sandbox/process.h"
#include "task_message.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GANTRY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GANTRY_SANITIZED 1
#endif
#endif

namespace gantry::sandbox {
namespace {

void set_limit(decltype(RLIMIT_CORE) what, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  setrlimit(what, &limit);  // without it the parent's deadline still holds
}

void say(int socket, TaskMessage kind, std::string_view text) {
  text = text.substr(0, most_task_text);
  std::vector<std::byte> message = {static_cast<std::byte>(kind)};
  const auto bytes = std::as_bytes(std::span(text));
  message.insert(message.end(), bytes.begin(), bytes.end());
  static_cast<void>(send_message(socket, message));  // a parent that is gone needs no answer
}

}  // namespace

void leave_no_core() { set_limit(RLIMIT_CORE, 0); }

void limit_this_process(const Limits& limits) {
  leave_no_core();
  set_limit(RLIMIT_FSIZE, limits.file_bytes);
#ifndef GANTRY_SANITIZED
  set_limit(RLIMIT_AS, limits.address_space_bytes);  // sanitizers reserve terabytes of it
#endif
}

Error error_of(const std::exception& exception) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return {Code::resource_exhausted, "out of memory"};
  }
  const auto* const error = dynamic_cast<const std::system_error*>(&exception);
  if (error != nullptr && error->code() == std::errc::resource_unavailable_try_again) {
    return {Code::resource_exhausted,
            "a thread can't be started: " + errno_text(EAGAIN) +
                " (the limits are ulimit -u and -v, and the cgroup's pids.max and memory.max)"};
  }
  return {Code::internal, exception.what()};
}

void end_with_parent(int socket) {
  fcntl(socket, F_SETFD, FD_CLOEXEC);  // what a library starts does not speak for us
  std::thread([socket] {
    pollfd watched{.fd = socket, .events = POLLRDHUP, .revents = 0};
    while (poll(&watched, 1, -1) <= 0) {
    }
    _exit(0);  // at once: whoever hangs may hold the lock of a stream
  }).detach();
}

void leave(int code) {
  std::fflush(nullptr);
  _exit(code);
}

void Teller::step(std::string_view text) const { say(socket_, TaskMessage::step, text); }
void Teller::result(std::string_view text) const { say(socket_, TaskMessage::result, text); }

void run_task(const Limits& limits, const std::function<Result<>(const Teller&)>& job) {
  constexpr int socket = first_descriptor;
  limit_this_process(limits);
  // A terminal or a service manager sends these to every process of a service: the parent decides.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(signal, SIG_IGN);
  }
  const Result<> done = without_exceptions([&] {
    end_with_parent(socket);
    return job(Teller(socket));
  });
  if (done) {
    say(socket, TaskMessage::done, "");
  } else {
    // The code travels as a number in front: an error is a value here as anywhere.
    const auto code = static_cast<char>(std::to_underlying(done.error().code));
    say(socket, TaskMessage::error, std::string(1, code) + done.error().message);
  }
  leave(done ? 0 : 1);
}

}  // namespace gantry::sandbox
