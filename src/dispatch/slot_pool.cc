#include "gantry/dispatch/slot_pool.h"

#include <algorithm>
#include <format>
#include <utility>

namespace gantry::dispatch {

SlotPool::Lease::~Lease() {
  if (pool_ != nullptr) {
    pool_->give_back(slot_);
  }
}

SlotPool::SlotPool(std::vector<std::unique_ptr<ExecutionSlot>> slots) : slots_(std::move(slots)) {
  free_.reserve(slots_.size());
  for (const auto& slot : slots_) {
    free_.push_back(slot.get());
  }
}

Result<SlotPool::Lease> SlotPool::acquire(Deadline deadline) {
  std::unique_lock lock(mutex_);
  if (ExecutionSlot* const slot = take_free()) {
    return Lease(this, slot);
  }
  Waiter waiter;
  waiters_.push_back(&waiter);
  const auto granted = [&] { return waiter.slot != nullptr; };
  if (deadline.is_never()) {
    waiter.granted.wait(lock, granted);
  } else {
    waiter.granted.wait_until(lock, deadline.time(), granted);
  }
  if (waiter.slot != nullptr) {
    return Lease(this, waiter.slot);
  }
  std::erase(waiters_, &waiter);
  return fail(Code::deadline_exceeded,
              std::format("no execution slot became free in time; all {} are busy", slots_.size()));
}

std::optional<SlotPool::Lease> SlotPool::try_acquire() {
  const std::scoped_lock lock(mutex_);
  ExecutionSlot* const slot = take_free();
  return slot != nullptr ? std::optional(Lease(this, slot)) : std::nullopt;
}

ExecutionSlot* SlotPool::take_free() noexcept {
  // A free slot while others wait cannot be: give_back() hands it to the first of them.
  if (free_.empty()) {
    return nullptr;
  }
  ExecutionSlot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

void SlotPool::give_back(ExecutionSlot* slot) noexcept {
  const std::scoped_lock lock(mutex_);
  if (waiters_.empty()) {
    free_.push_back(slot);
    return;
  }
  Waiter* const first = waiters_.front();
  waiters_.pop_front();
  first->slot = slot;
  // Under the lock: once it is released the waiter may return and its condition variable be gone.
  first->granted.notify_one();
}

std::size_t SlotPool::busy() const {
  const std::scoped_lock lock(mutex_);
  return slots_.size() - free_.size();
}

}  // namespace gantry::dispatch
