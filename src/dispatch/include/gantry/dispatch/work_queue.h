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
/// The bound is exact. It counts the work that waits, and neither the work that runs nor the work
/// that an idle thread is about to take. With T threads and capacity C, at most T + C pieces of
/// work are accepted and unfinished. Finished or withdrawn work makes room at once. Work must not
/// throw: an exception ends the program, as in any thread.
/// Threads: thread-safe.
class WorkQueue {
 public:
  using ThreadBody = std::function<void(const std::stop_token&)>;
  /// Starts a thread, or throws std::system_error as std::jthread does.
  using ThreadStart = std::function<std::jthread(ThreadBody)>;

  /// Starts `threads` threads named "`name`-0", … `capacity` may be 0: then work is accepted only
  /// while a thread is idle. If `start` throws, the threads that were started end first; then the
  /// exception is thrown on.
  WorkQueue(std::string_view name, std::size_t threads, std::size_t capacity,
            const ThreadStart& start = start_jthread);
  /// Withdraws the work that waits, waits for the work that runs, and joins the threads. Work that
  /// waits does not run; it is destroyed on the calling thread.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Errors: resource_exhausted if `capacity` pieces of work wait already; unavailable after
  ///         close().
  /// `then`, if given, runs after `work` on the same thread. The thread counts as idle by
  /// then, so that a caller who learns in `then` that the work is done may submit more at once.
  /// drain() waits for `then`, too.
  [[nodiscard]] Result<WorkId> submit(std::function<void()> work, std::function<void()> then = {});
  /// Runs `work` now, on the calling thread, unless other work waits or the queue is closed. For
  /// work that takes no longer than waking a thread. It counts as running, in addition to the
  /// queue's threads. False: nothing was done.
  bool run_here(const std::function<void()>& work);
  /// Removes waiting work. True if it had not started: then it never will.
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
  /// A thread of the queue while it has no work.
  struct Sleeper {
    std::condition_variable wake;
    bool is_called = false;
  };
  static std::jthread start_jthread(ThreadBody body);
  /// What the destructor does.
  void stop();
  void serve(const std::stop_token& stop, Sleeper& me);
  /// With the mutex held. False: the thread must stop.
  bool wait_for_work(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, Sleeper& me);
  /// With the mutex held: counts the end of one piece of work.
  void one_less_runs();

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  /// The thread that fell asleep last is woken first: its caches are the warmest, and so are the
  /// caches of its core.
  std::vector<Sleeper*> sleepers_;
  std::deque<Sleeper> all_sleepers_;  // one for each thread, as long as the queue
  std::condition_variable idle_;
  std::list<Item> waiting_;
  std::unordered_map<std::uint64_t, std::list<Item>::iterator> by_id_;
  std::size_t running_ = 0;   // pieces of work that run, or whose `then` runs
  std::size_t idle_threads_;  // threads that do no work
  std::uint64_t next_id_ = 1;
  bool closed_ = false;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace gantry::dispatch
