#include "gantry/cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"

namespace gantry::cli {

struct Signals::Impl {
  std::function<void(int, int)> on_signal;
  UniqueFd signals;
  UniqueFd end;
  std::jthread thread;  // last: it uses the above

  void serve() const {
    int before = 0;
    for (;;) {
      std::array<pollfd, 2> waited = {pollfd{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                      pollfd{.fd = end.get(), .events = POLLIN, .revents = 0}};
      if (poll(waited.data(), waited.size(), -1) < 0) {
        continue;
      }
      if (waited[1].revents != 0) {
        return;
      }
      signalfd_siginfo info{};
      if (read(signals.get(), &info, sizeof(info)) == sizeof(info)) {
        on_signal(static_cast<int>(info.ssi_signo), before++);
      }
    }
  }
};

Result<std::unique_ptr<Signals>> Signals::start(std::function<void(int, int)> on_signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  auto impl = std::make_unique<Impl>();
  impl->on_signal = std::move(on_signal);
  impl->signals.reset(signalfd(-1, &set, SFD_CLOEXEC));
  if (impl->signals) {
    impl->end.reset(eventfd(0, EFD_CLOEXEC));
  }
  if (!impl->signals || !impl->end) {
    return fail(Code::resource_exhausted,
                format_text("signals can't be waited for: {}; want some descriptors more (open "
                            "files: ulimit -n)",
                            errno_text(errno)));
  }
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &set, &before);
  try {
    impl->thread = std::jthread([impl = impl.get()] {
      pthread_setname_np(pthread_self(), "signals");
      impl->serve();
    });
  } catch (const std::system_error&) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  return std::unique_ptr<Signals>(new Signals(std::move(impl)));
}

Signals::Signals(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Signals::~Signals() {
  eventfd_write(impl_->end.get(), 1);
  impl_->thread.join();
}

}  // namespace gantry::cli
