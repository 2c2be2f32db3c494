#include "serve/shutdown.h"

#include <unistd.h>

#include <cstdio>

#include "gantry/cli/options.h"

namespace gantry::cli {

void Shutdown::on_signal(int signal, int before) {
  {
    const std::scoped_lock lock(mutex_);
    if (before == 0 && serving_) {
      signal_ = signal;
      asked_.notify_all();
      return;
    }
  }
  // _exit and not exit: other threads are in the middle of things that destructors would take
  // from them. A trial's child ends with us.
  std::fflush(stdout);
  _exit(before == 0 ? to_int(Exit::good) : to_int(Exit::no_result));
}

void Shutdown::is_serving() {
  const std::scoped_lock lock(mutex_);
  serving_ = true;
}

int Shutdown::wait() {
  std::unique_lock lock(mutex_);
  asked_.wait(lock, [this] { return signal_ != 0; });
  return signal_;
}

}  // namespace gantry::cli
