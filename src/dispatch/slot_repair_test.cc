// The pool's way with slots that break: never lent, repaired with a back-off, nobody left waiting.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/dispatch/slot_pool.h"

namespace gantry::dispatch {
namespace {

using std::chrono::milliseconds;

/// A slot that breaks when it is told to, and whose repairs a test may hold or fail.
class FragileSlot : public ExecutionSlot {
 public:
  [[nodiscard]] Device device() const noexcept override { return Device::npu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override { return none_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override { return none_; }
  [[nodiscard]] std::span<std::byte> input(std::size_t) override { return {}; }
  [[nodiscard]] std::span<const std::byte> output(std::size_t) const override { return {}; }
  [[nodiscard]] Result<> invoke() override {
    EXPECT_FALSE(broken) << "a broken slot was lent";
    EXPECT_FALSE(in_use_.exchange(true)) << "two threads in one slot";
    std::this_thread::yield();
    in_use_ = false;
    return {};
  }
  [[nodiscard]] bool is_broken() const noexcept override { return broken; }
  [[nodiscard]] std::string broken_reason() const override { return broken ? "it fell" : ""; }
  [[nodiscard]] Result<> repair(const std::stop_token& stop) override {
    EXPECT_FALSE(in_use_.exchange(true)) << "repaired while in use";
    if (held) {
      const std::stop_callback wake(stop, [this] { let_go.release(); });
      repair_began.release();
      let_go.acquire();
    }
    in_use_ = false;
    if (failures > 0) {
      --failures;
      return fail(Code::unavailable, "no glue");
    }
    broken = false;
    return {};
  }

  std::atomic<bool> broken = false;
  std::atomic<bool> held = false;
  std::atomic<int> failures = 0;
  std::binary_semaphore repair_began{0};
  std::counting_semaphore<> let_go{0};

 private:
  std::vector<TensorSpec> none_;
  std::atomic<bool> in_use_ = false;
};

/// Keeps what the pool tells, and waits for it.
class Diary {
 public:
  std::function<void(const SlotEvent&)> observer() {
    return [this](const SlotEvent& event) {
      const std::scoped_lock lock(mutex_);
      events_.push_back(event);
      more_.notify_all();
    };
  }
  /// The first `count` events.
  std::vector<SlotEvent> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [&] { return events_.size() >= count; });
    return {events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<SlotEvent> events_;
};

struct Fixture {
  explicit Fixture(std::size_t count, SlotPoolConfig config = {}) {
    std::vector<std::unique_ptr<ExecutionSlot>> made;
    for (std::size_t i = 0; i < count; ++i) {
      auto slot = std::make_unique<FragileSlot>();
      slots.push_back(slot.get());
      made.push_back(std::move(slot));
    }
    config.observer = diary.observer();
    pool.emplace(std::move(made), std::move(config));
  }
  /// Takes whatever slot is free, and breaks it.
  void break_one() {
    auto lease = pool->acquire(Deadline::never());
    ASSERT_TRUE(lease);
    slots[lease->index()]->broken = true;
  }

  Diary diary;
  std::vector<FragileSlot*> slots;
  std::optional<SlotPool> pool;  // goes first
};

const SlotPoolConfig kQuick{.first_back_off = milliseconds(1),
                            .most_back_off = milliseconds(4),
                            .good_leases = 2,
                            .observer = {}};

std::string story(const std::vector<SlotEvent>& events) {
  std::string text;
  for (const SlotEvent& event : events) {
    const auto retry = std::chrono::duration_cast<milliseconds>(event.retry_in).count();
    switch (event.kind) {
      case SlotEvent::Kind::broken:
        text += format_text("{} broke, retry {}; ", event.slot, retry);
        break;
      case SlotEvent::Kind::repaired:
        text += format_text("{} works; ", event.slot);
        break;
      case SlotEvent::Kind::repair_failed:
        text += format_text("{} stays broken, retry {}; ", event.slot, retry);
        break;
    }
  }
  return text;
}

TEST(BackOff, DoublesUpToItsBoundAndBeginsAgain) {
  BackOff back_off(milliseconds(100), milliseconds(1000));
  for (const int wanted : {100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(back_off.next(), milliseconds(wanted));
  }
  back_off.reset();
  EXPECT_EQ(back_off.next(), milliseconds(100));
}

TEST(SlotRepair, ABrokenSlotIsRepairedAtOnceAndLentAgain) {
  Fixture all(1, kQuick);
  all.break_one();
  const auto events = all.diary.wait(2);
  EXPECT_EQ(story(events), "0 broke, retry 0; 0 works; ");
  EXPECT_EQ(events[0].reason, "it fell");
  EXPECT_EQ(events[0].usable, 0U);
  EXPECT_EQ(events[1].usable, 1U);
  EXPECT_EQ(all.pool->repairs(), 1U);
  auto lease = all.pool->acquire(Deadline::never());
  ASSERT_TRUE(lease);
  EXPECT_TRUE((*lease)->invoke());
}

TEST(SlotRepair, RepairsThatFailBackOff) {
  Fixture all(1, kQuick);
  all.slots[0]->failures = 4;
  all.break_one();
  const auto events = all.diary.wait(6);
  EXPECT_EQ(story(events),
            "0 broke, retry 0; 0 stays broken, retry 1; 0 stays broken, retry 2; "
            "0 stays broken, retry 4; 0 stays broken, retry 4; 0 works; ");
  EXPECT_EQ(events[1].reason, "no glue");
}

TEST(SlotRepair, ARepairThatDoesNotHoldIsAsGoodAsNone) {
  Fixture all(1, kQuick);
  for (std::size_t i = 0; i < 4; ++i) {  // breaks on its first lease each time
    all.break_one();
    (void)all.diary.wait(2 * (i + 1));
  }
  EXPECT_EQ(story(all.diary.wait(8)),
            "0 broke, retry 0; 0 works; 0 broke, retry 1; 0 works; "
            "0 broke, retry 2; 0 works; 0 broke, retry 4; 0 works; ");
}

TEST(SlotRepair, AfterGoodWorkTheNextRepairIsAtOnceAgain) {
  Fixture all(1, kQuick);
  all.break_one();
  (void)all.diary.wait(2);
  all.break_one();
  (void)all.diary.wait(4);
  for (std::size_t i = 0; i < kQuick.good_leases; ++i) {
    EXPECT_TRUE(all.pool->acquire(Deadline::never()));
  }
  all.break_one();
  (void)all.diary.wait(6);
  all.break_one();
  EXPECT_EQ(story(all.diary.wait(8)),
            "0 broke, retry 0; 0 works; 0 broke, retry 1; 0 works; "
            "0 broke, retry 0; 0 works; 0 broke, retry 1; 0 works; ");
}

TEST(SlotRepair, OthersAreLentWhileOneIsBeingRepaired) {
  Fixture all(2, kQuick);
  for (auto* slot : all.slots) {
    slot->held = true;
  }
  all.break_one();
  const std::size_t broken = all.diary.wait(1)[0].slot;
  all.slots[broken]->repair_began.acquire();
  EXPECT_EQ(all.pool->size(), 2U);
  EXPECT_EQ(all.pool->usable(), 1U);
  for (int i = 0; i < 10; ++i) {
    auto lease = all.pool->acquire(Deadline::never());
    ASSERT_TRUE(lease);
    EXPECT_NE(lease->index(), broken);
    EXPECT_EQ(all.pool->busy(), 1U);
    EXPECT_FALSE(all.pool->try_acquire());
  }
  all.slots[broken]->let_go.release();
  (void)all.diary.wait(2);
  EXPECT_EQ(all.pool->usable(), 2U);
}

TEST(SlotRepair, NoUsableSlotIsSaidAtOnceWithTheReason) {
  Fixture all(1, kQuick);
  all.slots[0]->held = true;
  all.break_one();
  all.slots[0]->repair_began.acquire();
  const auto refused = all.pool->acquire(Deadline::never());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(refused.error().message, "none of 1 execution slots is usable; slot 0: it fell");
  EXPECT_FALSE(all.pool->try_acquire());
  all.slots[0]->let_go.release();
}

TEST(SlotRepair, WhoWaitsIsToldWhenTheLastSlotBreaks) {
  constexpr int waiting = 4;
  Fixture all(1, kQuick);
  all.slots[0]->held = true;
  std::atomic<int> told = 0;
  {
    std::vector<std::jthread> waiters;
    auto lease = std::make_optional(all.pool->acquire(Deadline::never()).value());
    for (int i = 0; i < waiting; ++i) {
      // Whether it waits already or asks later: the slot is not repaired before the end.
      waiters.emplace_back([&] {
        const auto refused = all.pool->acquire(Deadline::never());
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::unavailable);
        ++told;
      });
    }
    all.slots[0]->broken = true;
    lease.reset();
  }
  EXPECT_EQ(told, waiting);
  all.slots[0]->repair_began.acquire();
  all.slots[0]->let_go.release();
  (void)all.diary.wait(2);
  EXPECT_TRUE(all.pool->acquire(Deadline::never()));
}

TEST(SlotRepair, ASlotThatBreaksWhileItIsFreeIsNotLent) {
  Fixture all(2, kQuick);
  std::size_t last = 0;
  {
    auto lease = all.pool->acquire(Deadline::never());
    last = lease->index();  // the one that would be lent next
  }
  all.slots[last]->held = true;
  all.slots[last]->broken = true;
  auto lease = all.pool->acquire(Deadline::never());
  ASSERT_TRUE(lease);
  EXPECT_NE(lease->index(), last);
  all.slots[last]->let_go.release();
  EXPECT_EQ(story(all.diary.wait(2)), format_text("{0} broke, retry 0; {0} works; ", last));
}

TEST(SlotRepair, ASlotMayBeBrokenFromTheBeginning) {
  auto slot = std::make_unique<FragileSlot>();
  slot->broken = true;
  std::vector<std::unique_ptr<ExecutionSlot>> slots;
  slots.push_back(std::move(slot));
  Diary diary;
  SlotPoolConfig config = kQuick;
  config.observer = diary.observer();
  SlotPool pool(std::move(slots), config);
  EXPECT_EQ(story(diary.wait(2)), "0 broke, retry 0; 0 works; ");
  EXPECT_TRUE(pool.acquire(Deadline::never()));
}

TEST(SlotRepair, TheEndInterruptsARepairAndABackOff) {
  for (const bool during_repair : {true, false}) {
    SlotPoolConfig config = kQuick;
    config.first_back_off = config.most_back_off = std::chrono::hours(1);
    Fixture all(1, config);
    all.slots[0]->held = during_repair;
    all.slots[0]->failures = 1;
    all.break_one();
    if (during_repair) {
      all.slots[0]->repair_began.acquire();
    } else {
      (void)all.diary.wait(2);
    }
  }  // ends, or the test's time runs out
}

RC_GTEST_PROP(SlotRepair, EveryoneGetsAWholeSlotOrIsToldSo, ()) {
  const auto slots = *rc::gen::inRange<std::size_t>(1, 4);
  const auto threads = *rc::gen::inRange<std::size_t>(1, 6);
  // For each lease of each thread: does the slot break on it, and how many repairs fail then.
  const auto plan = *rc::gen::container<std::vector<int>>(threads * 20, rc::gen::inRange(-6, 3));
  SlotPoolConfig config = kQuick;
  config.first_back_off = config.most_back_off = milliseconds(1);
  Fixture all(slots, config);
  std::atomic<std::size_t> answered = 0;
  std::atomic<std::size_t> broken = 0;
  {
    std::vector<std::jthread> workers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        for (std::size_t i = thread; i < plan.size(); i += threads) {
          auto lease = all.pool->acquire(Deadline::never());
          ++answered;
          if (!lease) {
            EXPECT_EQ(lease.error().code, Code::unavailable);
            continue;
          }
          EXPECT_TRUE((*lease)->invoke());
          if (plan[i] >= 0) {
            all.slots[lease->index()]->failures = plan[i];
            all.slots[lease->index()]->broken = true;
            ++broken;
          }
        }
      });
    }
  }
  RC_ASSERT(answered == plan.size());
  RC_ASSERT(all.pool->busy() == 0U);
  // Each break ends in one repair. The last ones may be under way.
  std::size_t events = broken * 2;
  for (;;) {
    const auto told = all.diary.wait(events);
    const auto failed = static_cast<std::size_t>(
        std::ranges::count(told, SlotEvent::Kind::repair_failed, &SlotEvent::kind));
    if (broken * 2 + failed == events) {
      break;
    }
    events = broken * 2 + failed;
  }
  for (std::size_t i = 0; i < slots; ++i) {
    // A repaired slot is lent after its event: acquire() waits for that.
    RC_ASSERT(all.pool->acquire(Deadline::never()).has_value());
  }
  RC_ASSERT(all.pool->usable() == slots);
  RC_ASSERT(all.pool->repairs() == broken.load());
}

}  // namespace
}  // namespace gantry::dispatch
