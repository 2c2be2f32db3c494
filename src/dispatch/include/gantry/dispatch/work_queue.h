#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"

namespace gantry::dispatch {

enum class WorkId : std::uint64_t {};

/// A bounded first-in-first-out queue with the threads that serve it.
///
/// The bound is exact and counts what waits, not what runs or what an idle thread is about to take:
/// with T threads and capacity C at most T + C pieces are accepted and unfinished. Work that is
/// finished or withdrawn makes room at once.
/// Work must not throw: an exception ends the program, as in any thread.
/// Threads: thread-safe.
class WorkQueue {
 public:
  using ThreadBody = std::function<void(const std::stop_token&)>;
  /// Starts a thread, or throws std::system_error as std::jthread does.
  using ThreadStart = std::function<std::jthread(ThreadBody)>;

  /// Starts `threads` threads named "`name`-0", … `capacity` may be 0: then work is accepted only
  /// while a thread is idle. Throws what `start` throws, after the threads before have ended.
  WorkQueue(std::string_view name, std::size_t threads, std::size_t capacity,
            const ThreadStart& start = start_jthread);
  /// Withdraws what waits without running it, waits for what runs, joins the threads.
  /// Work that waits is destroyed on the calling thread.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Errors: resource_exhausted if `capacity` pieces of work wait already; unavailable after
  /// close().
  /// `then`, if given, follows `work` on the same thread, which counts as idle already: whoever
  /// is told there that the work is done may hand in more at once. drain() waits for it too.
  [[nodiscard]] Result<WorkId> submit(std::function<void()> work, std::function<void()> then = {});
  /// Does `work` now, on the calling thread, unless something waits or the queue is closed: for
  /// work that takes no longer than waking a thread. It counts as running, beside the queue's
  /// threads. False: nothing was done.
  bool run_here(const std::function<void()>& work);
  /// Takes waiting work out. True if it had not been started: it never will be.
  bool withdraw(WorkId id);

  /// Refuses new work from now on; what waits still runs.
  void close();
  /// Waits until nothing waits or runs, or the deadline passes; true if it is idle.
  [[nodiscard]] bool drain(Deadline deadline);

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct Item {
    WorkId id;
    std::function<void()> work;
    std::function<void()> then;
  };
  /// A thread, for when it has no work.
  struct Sleeper {
    std::condition_variable wake;
    bool is_called = false;
  };
  static std::jthread start_jthread(ThreadBody body);
  /// What the destructor does.
  void stop();
  void serve(const std::stop_token& stop, Sleeper& me);
  /// With the mutex held. False: it is to stop.
  bool wait_for_work(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, Sleeper& me);
  /// With the mutex held: one piece less runs.
  void one_less_runs();

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  /// Whoever fell asleep last is woken first: its caches are the warmest, and so are those of the
  /// core that it ran on.
  std::vector<Sleeper*> sleepers_;
  std::deque<Sleeper> all_sleepers_;  // one for each thread, as long as the queue
  std::condition_variable idle_;
  std::list<Item> waiting_;
  std::unordered_map<std::uint64_t, std::list<Item>::iterator> by_id_;
  std::size_t running_ = 0;   // work, or what comes then
  std::size_t idle_threads_;  // do no work
  std::uint64_t next_id_ = 1;
  bool closed_ = false;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace gantry::dispatch
