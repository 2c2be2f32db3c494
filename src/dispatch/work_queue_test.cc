#include "gantry/dispatch/work_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <latch>
#include <mutex>
#include <set>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace gantry::dispatch {
namespace {

/// Work that says when it runs and goes on when it is let.
class Gate {
 public:
  std::function<void()> work() {
    return [this] {
      started_.count_down();
      open_.wait();
    };
  }
  void wait_started() { started_.wait(); }
  void open() { open_.count_down(); }

 private:
  std::latch started_{1};
  std::latch open_{1};
};

TEST(WorkQueue, RunsInTheOrderOfSubmission) {
  std::vector<int> order;
  {
    WorkQueue queue("test", 1, 100);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(queue.submit([&order, i] { order.push_back(i); }));
    }
    EXPECT_TRUE(queue.drain(Deadline::never()));
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(WorkQueue, TheBoundIsExact) {
  Gate gate;
  WorkQueue queue("test", 1, 2);
  ASSERT_TRUE(queue.submit(gate.work()));
  gate.wait_started();
  ASSERT_TRUE(queue.submit([] {}));
  ASSERT_TRUE(queue.submit([] {}));
  EXPECT_EQ(queue.waiting(), 2U);
  const auto refused = queue.submit([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  gate.open();
  EXPECT_TRUE(queue.drain(Deadline::never()));
}

TEST(WorkQueue, CapacityZeroTakesWorkOnlyForAnIdleThread) {
  Gate gate;
  WorkQueue queue("test", 1, 0);
  ASSERT_TRUE(queue.submit(gate.work()));
  EXPECT_FALSE(queue.submit([] {}));
  gate.open();
  EXPECT_TRUE(queue.drain(Deadline::never()));
  EXPECT_TRUE(queue.submit([] {}));
}

TEST(WorkQueue, WhoIsToldThatWorkIsDoneMayHandInMoreAtOnce) {
  int rounds = 0;
  std::latch done(1);
  WorkQueue queue("test", 1, 0);
  std::function<void()> again = [&] {
    if (++rounds == 1000) {
      done.count_down();
      return;
    }
    const auto id = queue.submit([] {}, again);
    if (!id) {
      ADD_FAILURE() << "round " << rounds << ": " << id.error().message;
      done.count_down();
    }
  };
  ASSERT_TRUE(queue.submit([] {}, again));
  done.wait();
  EXPECT_TRUE(queue.drain(Deadline::never()));
}

TEST(WorkQueue, DrainWaitsForWhatFollowsTheWorkToo) {
  Gate gate;
  WorkQueue queue("test", 1, 0);
  ASSERT_TRUE(queue.submit([] {}, gate.work()));
  gate.wait_started();
  EXPECT_FALSE(queue.drain(Deadline::after(std::chrono::milliseconds(1))));
  gate.open();
  EXPECT_TRUE(queue.drain(Deadline::never()));
}

TEST(WorkQueue, QuickWorkIsDoneByTheCallerWhileNothingWaits) {
  Gate gate;
  WorkQueue queue("test", 1, 2);
  std::thread::id here;
  const auto note = [&] { here = std::this_thread::get_id(); };
  EXPECT_TRUE(queue.run_here(note));
  EXPECT_EQ(here, std::this_thread::get_id());

  ASSERT_TRUE(queue.submit(gate.work()));
  gate.wait_started();
  EXPECT_TRUE(queue.run_here(note)) << "what runs does not keep it";
  ASSERT_TRUE(queue.submit([] {}));
  here = {};
  EXPECT_FALSE(queue.run_here(note)) << "that would be out of turn";
  EXPECT_EQ(here, std::thread::id());
  gate.open();
  ASSERT_TRUE(queue.drain(Deadline::never()));
  queue.close();
  EXPECT_FALSE(queue.run_here(note));
}

TEST(WorkQueue, DrainWaitsForWhatTheCallerDoes) {
  WorkQueue queue("test", 1, 2);
  EXPECT_TRUE(queue.run_here([&] {
    EXPECT_EQ(queue.running(), 1U);
    EXPECT_FALSE(queue.drain(Deadline(Clock::now())));
  }));
  EXPECT_TRUE(queue.drain(Deadline(Clock::now())));
}

TEST(WorkQueue, WithdrawnWorkNeverRunsAndMakesRoomAtOnce) {
  Gate gate;
  std::atomic<bool> ran = false;
  WorkQueue queue("test", 1, 1);
  ASSERT_TRUE(queue.submit(gate.work()));
  gate.wait_started();
  const auto waiting = queue.submit([&] { ran = true; });
  ASSERT_TRUE(waiting);
  EXPECT_TRUE(queue.withdraw(*waiting));
  EXPECT_FALSE(queue.withdraw(*waiting)) << "only once";
  EXPECT_TRUE(queue.submit([] {}));
  gate.open();
  EXPECT_TRUE(queue.drain(Deadline::never()));
  EXPECT_FALSE(ran);
}

TEST(WorkQueue, StartedWorkCanNotBeWithdrawn) {
  Gate gate;
  WorkQueue queue("test", 1, 1);
  const auto id = queue.submit(gate.work());
  gate.wait_started();
  EXPECT_FALSE(queue.withdraw(id.value()));
  gate.open();
}

TEST(WorkQueue, AfterCloseNothingIsTakenAndWhatWaitsStillRuns) {
  Gate gate;
  std::atomic<bool> ran = false;
  WorkQueue queue("test", 1, 1);
  ASSERT_TRUE(queue.submit(gate.work()));
  ASSERT_TRUE(queue.submit([&] { ran = true; }));
  queue.close();
  const auto refused = queue.submit([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_FALSE(queue.drain(Deadline(Clock::now())));
  gate.open();
  EXPECT_TRUE(queue.drain(Deadline::never()));
  EXPECT_TRUE(ran);
}

TEST(WorkQueue, TheEndDropsWhatWaits) {
  Gate gate;
  std::atomic<bool> ran = false;
  auto held = std::make_shared<int>(1);
  {
    WorkQueue queue("test", 1, 1);
    ASSERT_TRUE(queue.submit(gate.work()));
    gate.wait_started();
    ASSERT_TRUE(queue.submit([&ran, held] { ran = true; }));
    std::jthread opener([&] { gate.open(); });
  }
  EXPECT_EQ(held.use_count(), 1) << "dropped work is destroyed";
}

TEST(WorkQueue, ManySubmittersAndWithdrawersAccountForEveryPiece) {
  constexpr int threads = 4;
  constexpr int pieces = 2000;
  std::atomic<int> ran = 0;
  std::atomic<int> withdrawn = 0;
  std::atomic<int> refused = 0;
  {
    WorkQueue queue("test", 2, 8);
    std::vector<std::jthread> submitters;
    submitters.reserve(threads);
    for (int i = 0; i < threads; ++i) {
      submitters.emplace_back([&] {
        for (int k = 0; k < pieces; ++k) {
          const auto id = queue.submit([&] { ++ran; });
          if (!id) {
            ++refused;
          } else if (k % 3 == 0 && queue.withdraw(*id)) {
            ++withdrawn;
          }
        }
      });
    }
    submitters.clear();
    EXPECT_TRUE(queue.drain(Deadline::never()));
    EXPECT_EQ(queue.waiting(), 0U);
    EXPECT_EQ(queue.running(), 0U);
  }
  EXPECT_EQ(ran + withdrawn + refused, threads * pieces);
}

TEST(WorkQueue, WhenAThreadCanNotStartThoseBeforeItEnd) {
  // Many times: the first ones are to be in each place where a stop may find them.
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> started = 0;
    std::atomic<int> ended = 0;
    const auto third_fails = [&](WorkQueue::ThreadBody body) {
      if (started == 2) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      }
      ++started;
      return std::jthread([&ended, body = std::move(body)](const std::stop_token& stop) {
        body(stop);
        ++ended;
      });
    };
    EXPECT_THROW(WorkQueue("test", 3, 1, third_fails), std::system_error);
    EXPECT_EQ(started, 2);
    EXPECT_EQ(ended, 2);
  }
}

TEST(WorkQueue, TheThreadThatWorkedLastIsWokenFirst) {
  constexpr std::size_t threads = 3;
  WorkQueue queue("test", threads, threads);
  std::barrier all_are_here(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    ASSERT_TRUE(queue.submit([&] { all_are_here.arrive_and_wait(); }));
  }
  ASSERT_TRUE(queue.drain(Deadline::never()));  // and asleep: nobody drains before
  std::set<std::thread::id> workers;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(queue.submit([&] { workers.insert(std::this_thread::get_id()); }));
    ASSERT_TRUE(queue.drain(Deadline::never()));
  }
  EXPECT_EQ(workers.size(), 1U);
}

}  // namespace
}  // namespace gantry::dispatch
