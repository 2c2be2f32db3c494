#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/dispatch/back_off.h"
#include "gantry/dispatch/execution_slot.h"

namespace gantry::dispatch {

/// What happened to a slot.
struct SlotEvent {
  enum class Kind : std::uint8_t { broken, repaired, repair_failed };
  Kind kind = Kind::broken;
  std::size_t slot = 0;        ///< its index in the pool
  std::string reason;          ///< why it broke or stays broken, for a person
  Clock::duration retry_in{};  ///< time until the next attempt to repair it; unused for `repaired`
  std::size_t usable = 0;      ///< slots of the pool that work, after this event
};

struct SlotPoolConfig {
  /// The first repair begins at once. After a repair that failed, or that lasted for fewer than
  /// `good_leases` leases, the next one waits this long, and twice as long each further time.
  std::chrono::milliseconds first_back_off{100};
  std::chrono::milliseconds most_back_off{30'000};
  std::size_t good_leases = 10;
  /// Called with each event of a slot; the events of one slot come in order. It is called on the
  /// thread that gave the slot back or found it broken, on the pool's own thread, or in the
  /// constructor, and without a lock. It must be thread-safe and quick. It must not throw, and must
  /// not take or give back leases of this pool.
  std::function<void(const SlotEvent&)> observer;
};

/// Lends execution slots, first come first served. Repairs broken slots on its own thread. A broken
/// slot is never lent.
///
///       lent ──given back broken──▶ broken ──due──▶ repairing ──success──▶ free or lent
///        ▲ │                          ▲ ▲               │
///        │ ▼                          │ └── back-off ───┘ failure
///       free ──found broken───────────┘
///
/// Threads: thread-safe. Must outlive its leases.
class SlotPool {
  struct Place;

 public:
  /// A borrowed slot. The destructor gives it back.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), place_(other.place_) {}
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    [[nodiscard]] ExecutionSlot& operator*() const noexcept;
    [[nodiscard]] ExecutionSlot* operator->() const noexcept { return &**this; }
    /// The slot's index in the pool.
    [[nodiscard]] std::size_t index() const noexcept;

   private:
    friend class SlotPool;
    Lease(SlotPool* pool, Place* place) noexcept : pool_(pool), place_(place) {}
    SlotPool* pool_;
    Place* place_;
  };

  /// `slots`: at least one. Slots that are broken already are repaired.
  explicit SlotPool(std::vector<std::unique_ptr<ExecutionSlot>> slots, SlotPoolConfig config = {});
  /// Stops a repair that is under way.
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  /// Waits for a slot until `deadline`, in the order of the calls.
  /// Errors: deadline_exceeded; unavailable at once if no slot is usable, or as soon as the last
  ///         one breaks: a caller with another device need not wait for repairs.
  [[nodiscard]] Result<Lease> acquire(Deadline deadline);

  /// A slot that is free now.
  [[nodiscard]] std::optional<Lease> try_acquire();

  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  /// Slots that are not known to be broken, lent or free.
  [[nodiscard]] std::size_t usable() const;
  /// Slots that are lent.
  [[nodiscard]] std::size_t busy() const;
  /// Repairs that succeeded, ever.
  [[nodiscard]] std::uint64_t repairs() const;

 private:
  struct Waiter {
    std::condition_variable answered;
    Place* place = nullptr;
    bool is_refused = false;  // no slot is usable
  };
  /// Slots that were found broken with the mutex held. They are reported after it is released.
  using BrokenPlaces = std::vector<Place*>;

  // All these need the mutex held.
  /// Null if none is free. Free slots that turn out to be broken are added to `newly_broken`.
  [[nodiscard]] Place* take_free(BrokenPlaces& newly_broken);
  void lend_or_keep(Place& place);
  void mark_broken(Place& place);
  void refuse_waiters_if_none_is_usable();
  [[nodiscard]] Place* first_due();
  [[nodiscard]] Error none_usable() const;

  // All these need the mutex released.
  void give_back(Place& place) noexcept;
  /// Reports a slot that was marked broken, and queues it for repair.
  void report_broken(Place& place);
  void tell(SlotEvent::Kind kind, const Place& place, std::string reason, std::size_t usable) const;

  void repair_what_breaks(const std::stop_token& stop);

  SlotPoolConfig config_;
  std::vector<std::unique_ptr<Place>> places_;
  mutable std::mutex mutex_;
  std::vector<Place*> free_;     // most recently used last: its caches are warm
  std::deque<Waiter*> waiters_;  // each lives on the stack of an acquire()
  std::size_t broken_ = 0;
  std::size_t lent_ = 0;
  std::uint64_t repairs_ = 0;
  std::condition_variable_any repair_wanted_;
  std::jthread repair_thread_;  // last: it uses all of the above
};

}  // namespace gantry::dispatch
