#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"

namespace gantry::dispatch {

/// Lends execution slots, first come first served.
/// Threads: thread-safe. Must outlive its leases.
class SlotPool {
 public:
  /// A borrowed slot; gives it back when it goes.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_) {}
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    [[nodiscard]] ExecutionSlot& operator*() const noexcept { return *slot_; }
    [[nodiscard]] ExecutionSlot* operator->() const noexcept { return slot_; }

   private:
    friend class SlotPool;
    Lease(SlotPool* pool, ExecutionSlot* slot) noexcept : pool_(pool), slot_(slot) {}
    SlotPool* pool_;
    ExecutionSlot* slot_;
  };

  /// At least one slot.
  explicit SlotPool(std::vector<std::unique_ptr<ExecutionSlot>> slots);

  /// Waits for a slot until `deadline`, in the order of the calls.
  /// Errors: deadline_exceeded.
  [[nodiscard]] Result<Lease> acquire(Deadline deadline);

  /// A slot that is free now.
  [[nodiscard]] std::optional<Lease> try_acquire();

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] std::size_t busy() const;

 private:
  struct Waiter {
    std::condition_variable granted;
    ExecutionSlot* slot = nullptr;
  };
  /// With the mutex held; null if none is free.
  [[nodiscard]] ExecutionSlot* take_free() noexcept;
  void give_back(ExecutionSlot* slot) noexcept;

  std::vector<std::unique_ptr<ExecutionSlot>> slots_;
  mutable std::mutex mutex_;
  std::vector<ExecutionSlot*> free_;  // most recently used last: its caches are warm
  std::deque<Waiter*> waiters_;       // each lives on the stack of an acquire()
};

}  // namespace gantry::dispatch
