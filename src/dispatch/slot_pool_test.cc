#include "gantry/dispatch/slot_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <concepts>
#include <latch>
#include <thread>

namespace gantry::dispatch {
namespace {

static_assert(!std::copyable<SlotPool::Lease>);

class FakeSlot : public ExecutionSlot {
 public:
  [[nodiscard]] Device device() const noexcept override { return Device::cpu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override { return none_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override { return none_; }
  [[nodiscard]] std::span<std::byte> input(std::size_t) override { return {}; }
  [[nodiscard]] std::span<const std::byte> output(std::size_t) const override { return {}; }
  [[nodiscard]] Result<> invoke() override {
    EXPECT_FALSE(in_use_.exchange(true)) << "two threads in one slot";
    std::this_thread::yield();
    in_use_ = false;
    return {};
  }

 private:
  std::vector<TensorSpec> none_;
  std::atomic<bool> in_use_ = false;
};

std::vector<std::unique_ptr<ExecutionSlot>> fake_slots(std::size_t count) {
  std::vector<std::unique_ptr<ExecutionSlot>> slots;
  for (std::size_t i = 0; i < count; ++i) {
    slots.push_back(std::make_unique<FakeSlot>());
  }
  return slots;
}

TEST(SlotPool, LendsEachSlotOnce) {
  SlotPool pool(fake_slots(2));
  auto first = pool.acquire(Deadline::never());
  auto second = pool.acquire(Deadline::never());
  ASSERT_TRUE(first && second);
  EXPECT_NE(&**first, &**second);
  EXPECT_EQ(pool.busy(), 2U);
}

TEST(SlotPool, ADeadlineThatHasPassedIsAnErrorAndLeavesNoWaiterBehind) {
  SlotPool pool(fake_slots(1));
  {
    auto lease = pool.acquire(Deadline::never());
    const auto refused = pool.acquire(Deadline(Clock::now()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::deadline_exceeded);
  }
  EXPECT_EQ(pool.busy(), 0U);
  EXPECT_TRUE(pool.acquire(Deadline(Clock::now())));
}

TEST(SlotPool, TryingTakesOnlyWhatIsFree) {
  SlotPool pool(fake_slots(1));
  {
    const auto lease = pool.try_acquire();
    ASSERT_TRUE(lease);
    EXPECT_FALSE(pool.try_acquire());
  }
  EXPECT_TRUE(pool.try_acquire());
}

TEST(SlotPool, AWaiterGetsTheSlotThatComesBack) {
  SlotPool pool(fake_slots(1));
  auto lease = std::make_optional(pool.acquire(Deadline::never()).value());
  ExecutionSlot* const slot = &**lease;
  std::jthread waiter([&] {
    auto mine = pool.acquire(Deadline::never());
    ASSERT_TRUE(mine);
    EXPECT_EQ(&**mine, slot);
  });
  lease.reset();
}

TEST(SlotPool, ManyThreadsNeverShareASlotAndAllGetOne) {
  constexpr int threads = 8;
  constexpr int rounds = 500;
  SlotPool pool(fake_slots(3));
  std::atomic<int> done = 0;
  {
    std::vector<std::jthread> workers;
    workers.reserve(threads);
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          auto lease = pool.acquire(Deadline::never());
          ASSERT_TRUE(lease);
          ASSERT_TRUE((*lease)->invoke());
          ++done;
        }
      });
    }
  }
  EXPECT_EQ(done, threads * rounds);
  EXPECT_EQ(pool.busy(), 0U);
}

}  // namespace
}  // namespace gantry::dispatch
