#pragma once

#include <csignal>
#include <functional>
#include <memory>

namespace gantry::cli {

/// SIGINT and SIGTERM as events of one thread, instead of handlers that may do next to nothing.
/// Make it before any other thread: the signals stay blocked in all threads made after it.
/// Threads: thread-bound.
class Signals {
 public:
  /// `on_signal` is called on the thread "signals" with the signal and how many came before it.
  explicit Signals(std::function<void(int signal, int before)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cli
