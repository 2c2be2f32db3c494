#pragma once

#include <csignal>
#include <functional>
#include <memory>

#include "gantry/base/error.h"

namespace gantry::cli {

/// Turns SIGINT and SIGTERM into calls on one thread, since signal handlers may do hardly anything.
/// Make it before any other thread: the signals stay blocked in all threads that are made later.
/// Threads: thread-bound.
class Signals {
 public:
  /// `on_signal` is called on the thread "signals" with the signal and how many came before it.
  /// Errors: resource_exhausted with the system's reason, if there are no descriptors left. Throws
  ///         std::system_error if there is no thread left. Then signals do what they did before.
  [[nodiscard]] static Result<std::unique_ptr<Signals>> start(
      std::function<void(int signal, int before)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Impl;
  explicit Signals(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cli
