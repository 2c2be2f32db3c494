#pragma once

#include <condition_variable>
#include <mutex>

namespace gantry::cli {

/// What main and the signal thread tell each other. Threads: thread-safe.
class Shutdown {
 public:
  /// On the signal thread. The first signal asks for a drain, unless nothing is served yet; then,
  /// and on the second, the process ends at once.
  void on_signal(int signal, int before);
  void is_serving();
  /// Waits for the first signal and says which it was.
  [[nodiscard]] int wait();

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  bool serving_ = false;
  int signal_ = 0;
};

}  // namespace gantry::cli
