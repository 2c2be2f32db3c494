#include "gantry/cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <utility>

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

Signals::Signals(std::function<void(int, int)> on_signal) : impl_(std::make_unique<Impl>()) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  impl_->on_signal = std::move(on_signal);
  impl_->signals.reset(signalfd(-1, &set, SFD_CLOEXEC));
  impl_->end.reset(eventfd(0, EFD_CLOEXEC));
  impl_->thread = std::jthread([impl = impl_.get()] {
    pthread_setname_np(pthread_self(), "signals");
    impl->serve();
  });
}

Signals::~Signals() {
  eventfd_write(impl_->end.get(), 1);
  impl_->thread.join();
}

}  // namespace gantry::cli
