#include "gantry/dispatch/slot_pool.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "gantry/base/format.h"

namespace gantry::dispatch {

struct SlotPool::Place {
  enum class State : std::uint8_t {
    whole,      ///< lent or free
    broken,     ///< found so; its observer is being told
    queued,     ///< for repair when `due`
    repairing,  ///< the repair thread has it
  };
  Place(std::unique_ptr<ExecutionSlot> its_slot, std::size_t its_index, BackOff its_back_off)
      : slot(std::move(its_slot)), index(its_index), back_off(its_back_off) {}

  const std::unique_ptr<ExecutionSlot> slot;
  const std::size_t index;
  // Guarded by the pool's mutex.
  State state = State::whole;
  BackOff back_off;
  bool on_probation = false;    ///< repaired, and has not shown that it holds
  std::size_t good_leases = 0;  ///< since the repair
  Clock::duration retry_in{};   ///< as last told
  Clock::time_point due;
  std::string reason;  ///< why it is broken
};

ExecutionSlot& SlotPool::Lease::operator*() const noexcept { return *place_->slot; }
std::size_t SlotPool::Lease::index() const noexcept { return place_->index; }

SlotPool::Lease::~Lease() {
  if (pool_ != nullptr) {
    pool_->give_back(*place_);
  }
}

SlotPool::SlotPool(std::vector<std::unique_ptr<ExecutionSlot>> slots, SlotPoolConfig config)
    : config_(std::move(config)) {
  places_.reserve(slots.size());
  free_.reserve(slots.size());
  for (auto& slot : slots) {
    places_.push_back(std::make_unique<Place>(
        std::move(slot), places_.size(), BackOff(config_.first_back_off, config_.most_back_off)));
  }
  for (const auto& place : places_) {
    if (place->slot->is_broken()) {
      mark_broken(*place);
    } else {
      free_.push_back(place.get());
    }
  }
  for (const auto& place : places_) {
    if (place->state == Place::State::broken) {
      report_broken(*place);
    }
  }
  repair_thread_ = std::jthread([this](const std::stop_token& stop) { repair_what_breaks(stop); });
  ::pthread_setname_np(repair_thread_.native_handle(), "slot-repair");
}

SlotPool::~SlotPool() = default;  // the thread is stopped and joined first

Result<SlotPool::Lease> SlotPool::acquire(Deadline deadline) {
  BrokenPlaces newly_broken;
  Waiter waiter;
  std::unique_lock lock(mutex_);
  Place* const free = take_free(newly_broken);
  const bool waits = free == nullptr && broken_ < places_.size();
  if (waits) {
    waiters_.push_back(&waiter);
  }
  if (!newly_broken.empty()) {
    lock.unlock();
    std::ranges::for_each(newly_broken, [&](Place* place) { report_broken(*place); });
    lock.lock();
  }
  if (free != nullptr) {
    return Lease(this, free);
  }
  if (!waits) {
    return std::unexpected(none_usable());
  }
  const auto answered = [&] { return waiter.place != nullptr || waiter.is_refused; };
  if (deadline.is_never()) {
    waiter.answered.wait(lock, answered);
  } else {
    waiter.answered.wait_until(lock, deadline.time(), answered);
  }
  if (waiter.place != nullptr) {
    return Lease(this, waiter.place);
  }
  if (waiter.is_refused) {
    return std::unexpected(none_usable());
  }
  std::erase(waiters_, &waiter);
  return fail(Code::deadline_exceeded,
              format_text("no execution slot became free in time; all {} are busy or broken",
                          places_.size()));
}

std::optional<SlotPool::Lease> SlotPool::try_acquire() {
  BrokenPlaces newly_broken;
  Place* place = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    place = take_free(newly_broken);
  }
  std::ranges::for_each(newly_broken, [&](Place* broken) { report_broken(*broken); });
  return place != nullptr ? std::optional(Lease(this, place)) : std::nullopt;
}

SlotPool::Place* SlotPool::take_free(BrokenPlaces& newly_broken) {
  // A free slot while others wait cannot be: lend_or_keep() hands it to the first of them.
  while (!free_.empty()) {
    Place* const place = free_.back();
    free_.pop_back();
    if (!place->slot->is_broken()) {
      ++lent_;
      return place;
    }
    mark_broken(*place);
    newly_broken.push_back(place);
  }
  return nullptr;
}

void SlotPool::give_back(Place& place) noexcept {
  const bool is_broken = place.slot->is_broken();
  {
    const std::scoped_lock lock(mutex_);
    --lent_;
    if (!is_broken) {
      if (place.on_probation && ++place.good_leases >= config_.good_leases) {
        place.on_probation = false;
        place.back_off.reset();
      }
      lend_or_keep(place);
      return;
    }
    mark_broken(place);
  }
  report_broken(place);
}

void SlotPool::lend_or_keep(Place& place) {
  if (waiters_.empty()) {
    free_.push_back(&place);
    return;
  }
  ++lent_;
  Waiter* const first = waiters_.front();
  waiters_.pop_front();
  first->place = &place;
  // Under the lock: once it is released the waiter may return and its condition variable be gone.
  first->answered.notify_one();
}

void SlotPool::mark_broken(Place& place) {
  place.state = Place::State::broken;
  place.reason = place.slot->broken_reason();
  // A repair that does not hold is as good as none.
  place.retry_in = place.on_probation ? place.back_off.next() : Clock::duration::zero();
  place.on_probation = false;
  ++broken_;
  refuse_waiters_if_none_is_usable();
}

void SlotPool::refuse_waiters_if_none_is_usable() {
  if (broken_ < places_.size()) {
    return;
  }
  for (Waiter* const waiter : std::exchange(waiters_, {})) {
    waiter->is_refused = true;
    waiter->answered.notify_one();
  }
}

Error SlotPool::none_usable() const {
  std::string reasons;
  for (const auto& place : places_) {
    if (!place->reason.empty()) {
      reasons += format_text("; slot {}: {}", place->index, place->reason);
    }
  }
  return {
      .code = Code::unavailable,
      .message = format_text("none of {} execution slots is usable{}", places_.size(), reasons)};
}

void SlotPool::report_broken(Place& place) {
  std::string reason;
  std::size_t usable = 0;
  {
    const std::scoped_lock lock(mutex_);
    reason = place.reason;
    usable = places_.size() - broken_;
  }
  tell(SlotEvent::Kind::broken, place, std::move(reason), usable);
  {
    // Only now, so that nobody hears of the repair before the break.
    const std::scoped_lock lock(mutex_);
    place.state = Place::State::queued;
    place.due = Clock::now() + place.retry_in;
  }
  repair_wanted_.notify_one();
}

void SlotPool::tell(SlotEvent::Kind kind, const Place& place, std::string reason,
                    std::size_t usable) const {
  if (config_.observer) {
    config_.observer(
        {.kind = kind,
         .slot = place.index,
         .reason = std::move(reason),
         .retry_in = kind == SlotEvent::Kind::repaired ? Clock::duration::zero() : place.retry_in,
         .usable = usable});
  }
}

SlotPool::Place* SlotPool::first_due() {
  Place* first = nullptr;
  for (const auto& place : places_) {
    if (place->state == Place::State::queued && (first == nullptr || place->due < first->due)) {
      first = place.get();
    }
  }
  return first;
}

void SlotPool::repair_what_breaks(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    Place* const place = first_due();
    if (place == nullptr) {
      repair_wanted_.wait(lock, stop, [&] { return first_due() != nullptr; });
      continue;
    }
    if (Clock::now() < place->due) {
      repair_wanted_.wait_until(lock, stop, place->due, [&] { return first_due() != place; });
      continue;
    }
    place->state = Place::State::repairing;
    lock.unlock();
    Result<> repaired;
    try {
      repaired = place->slot->repair(stop);
    } catch (const std::exception& e) {
      repaired = fail(Code::internal, e.what());
    }
    if (repaired && place->slot->is_broken()) {
      repaired = fail(Code::unavailable, place->slot->broken_reason());
    }
    if (stop.stop_requested()) {
      return;
    }
    if (repaired) {
      lock.lock();
      ++repairs_;
      --broken_;
      const std::size_t usable = places_.size() - broken_;
      place->on_probation = true;
      place->good_leases = 0;
      place->reason.clear();
      place->state = Place::State::whole;
      lock.unlock();
      // Before it is lent, so that nobody hears of its next break before.
      tell(SlotEvent::Kind::repaired, *place, {}, usable);
      lock.lock();
      lend_or_keep(*place);
    } else {
      lock.lock();
      place->retry_in = place->back_off.next();
      place->reason = repaired.error().message;
      const std::size_t usable = places_.size() - broken_;
      lock.unlock();
      tell(SlotEvent::Kind::repair_failed, *place, std::move(repaired.error().message), usable);
      lock.lock();
      place->state = Place::State::queued;
      place->due = Clock::now() + place->retry_in;
    }
  }
}

std::size_t SlotPool::usable() const {
  const std::scoped_lock lock(mutex_);
  return places_.size() - broken_;
}

std::size_t SlotPool::busy() const {
  const std::scoped_lock lock(mutex_);
  return lent_;
}

std::uint64_t SlotPool::repairs() const {
  const std::scoped_lock lock(mutex_);
  return repairs_;
}

}  // namespace gantry::dispatch
