#pragma once

#include <condition_variable>
#include <mutex>

namespace gantry::cli {

/// How main and the signal thread talk to each other. Threads: thread-safe.
class Shutdown {
 public:
  /// Called on the signal thread. The first signal asks for a drain. If nothing is served yet, or
  /// on the second signal, the process ends at once.
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
