// Slots in child processes that do everything a child may do.
#include "gantry/worker/process_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "gantry/base/format.h"
#include "gantry/base/unique_fd.h"
#include "gantry/dispatch/slot_pool.h"
#include "gantry/test/child.h"
#include "testing/test_orders.h"

namespace gantry::worker {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Long enough for a loaded machine under a sanitizer; waits end by events, not by this.
constexpr milliseconds kPatience{120'000};

ProcessSlotConfig config(std::vector<std::string> arguments = {"normal"}) {
  auto command = test::child(std::move(arguments));
  return {.program = std::move(command.program),
          .arguments = std::move(command.arguments),
          .name = "slot 1",
          .start_timeout = kPatience,
          .hang_limit = kPatience};
}

void order(dispatch::ExecutionSlot& slot, Act act, std::uint32_t number = 0) {
  const Order order{.act = act, .number = number};
  std::memcpy(slot.input(0).data(), &order, sizeof order);
}

/// A handle that means this process and no later one of its number.
UniqueFd open_process(int pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}
bool kill_process(const UniqueFd& process) {
  return syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// No descriptor and no child, dead or alive, is left by a test.
class ProcessSlotTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(open_descriptors(), descriptors_);
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  std::size_t descriptors_ = open_descriptors();
};

void expect_works(dispatch::ExecutionSlot& slot, std::uint8_t seed = 1) {
  const auto input = slot.input(0);
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<std::byte>(i < sizeof(Order) ? 0 : i * 7 + seed);
  }
  const auto invoked = slot.invoke();
  ASSERT_TRUE(invoked) << invoked.error().message;
  const auto output = slot.output(0);
  ASSERT_EQ(output.size(), input.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    ASSERT_EQ(std::to_integer<int>(output[i]), (std::to_integer<int>(input[i]) + 1) % 256) << i;
  }
}

TEST_F(ProcessSlotTest, AnswersThroughSharedMemory) {
  auto slot = ProcessSlot::start(config({"normal", "150528"}));
  ASSERT_TRUE(slot) << slot.error().message;
  EXPECT_EQ((*slot)->device(), dispatch::Device::npu);
  EXPECT_EQ((*slot)->details(), "made for a test");
  ASSERT_EQ((*slot)->inputs().size(), 1U);
  EXPECT_EQ((*slot)->inputs()[0].description(), "uint8 [1,150528]");
  EXPECT_EQ((*slot)->inputs()[0].name, "in");
  EXPECT_EQ((*slot)->inputs()[0].quantization, (Quantization{.scale = 0.5F, .zero_point = 3}));
  ASSERT_EQ((*slot)->outputs().size(), 2U);
  EXPECT_EQ((*slot)->outputs()[1].description(), "int16 [-1]");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*slot)->input(0).data()) % 64, 0U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*slot)->output(1).data()) % 64, 0U);
  for (std::uint8_t seed = 0; seed < 20; ++seed) {
    expect_works(**slot, seed);
  }
  EXPECT_FALSE((*slot)->is_broken());
}

TEST_F(ProcessSlotTest, OutputsMayChangeTheirShapeWithinWhatIsReserved) {
  auto slot = ProcessSlot::start(config());
  ASSERT_TRUE(slot) << slot.error().message;
  for (const std::uint32_t elements : {1U, 1000U, 0U, 32768U}) {
    order(**slot, Act::grow, elements);
    ASSERT_TRUE((*slot)->invoke());
    EXPECT_EQ((*slot)->outputs()[1].shape, Shape{static_cast<std::int32_t>(elements)});
    EXPECT_EQ((*slot)->output(1).size(), 2 * elements);
  }
  order(**slot, Act::grow, 32769);
  const auto refused = (*slot)->invoke();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  EXPECT_FALSE((*slot)->is_broken());
  expect_works(**slot);
}

// ---- children that do not start

struct StartCase {
  const char* how;
  Code code;
  const char* says;
};
class ProcessSlotStartTest : public ProcessSlotTest,
                             public testing::WithParamInterface<StartCase> {};

TEST_P(ProcessSlotStartTest, FailsWithItsReason) {
  auto chosen = config({GetParam().how});
  if (std::string_view(GetParam().how) == "silent") {
    chosen.start_timeout = milliseconds(50);
  }
  const auto slot = ProcessSlot::start(chosen);
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, GetParam().code) << slot.error().message;
  EXPECT_THAT(slot.error().message, AllOf(StartsWith("slot 1: "), HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    Children, ProcessSlotStartTest,
    testing::Values(
        StartCase{"refuse", Code::failed_precondition, "slot 1: no slot today"},
        StartCase{"throw", Code::internal, "slot 1: thrown"},
        StartCase{"long_details", Code::internal, "65537 bytes of details"},
        StartCase{"exit", Code::unavailable,
                  "its process ended with exit code 9; last words: \"cannot go on\""},
        StartCase{"silent", Code::unavailable, "was not ready within 50 ms; it was ended"},
        StartCase{"close", Code::unavailable, "its process closed its connection; it was ended"},
        StartCase{"garbage", Code::unavailable, "its process spoke nonsense"},
        StartCase{"other_protocol", Code::unavailable, "it speaks version 2 of the protocol"},
        StartCase{"wrong_input_size", Code::internal, "uint8 [1,4096]) takes 4095 bytes"},
        StartCase{"wrong_output_size", Code::internal, "uint8 [1,4096]) takes 4095 bytes"},
        StartCase{"too_much", Code::out_of_range, "its tensors take more than"}),
    [](const auto& test) { return std::string(test.param.how); });

TEST_F(ProcessSlotTest, AProgramThatIsNotThereIsSaidSo) {
  auto chosen = config();
  chosen.program = "/nonexistent/program";
  const auto slot = ProcessSlot::start(chosen);
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, Code::unavailable);
  EXPECT_THAT(slot.error().message, StartsWith("slot 1: its process "));
}

// ---- children that fail at work

constexpr const char* says_of_crash =
#ifdef GANTRY_TEST_RUNNER
    // The runner has a word to say after the program's own.
    "its process was ended by signal 11 (Segmentation fault); last words: \"";
#else
    "its process was ended by signal 11 (Segmentation fault); last words: \"about to crash\"";
#endif

struct WorkCase {
  Act act;
  const char* name;
  Code code;
  const char* says;
  bool breaks = true;
};
class ProcessSlotWorkTest : public ProcessSlotTest, public testing::WithParamInterface<WorkCase> {};

TEST_P(ProcessSlotWorkTest, EndsInItsErrorAndIsRepaired) {
  auto chosen = config();
  if (GetParam().act == Act::hang) {
    chosen.hang_limit = milliseconds(50);
  }
  auto slot = ProcessSlot::start(chosen);
  ASSERT_TRUE(slot) << slot.error().message;
  order(**slot, GetParam().act);
  const auto failed = (*slot)->invoke();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, GetParam().code);
  EXPECT_THAT(failed.error().message, AllOf(StartsWith("slot 1: "), HasSubstr(GetParam().says)));
  EXPECT_EQ((*slot)->is_broken(), GetParam().breaks);
  if (GetParam().breaks) {
    EXPECT_THAT((*slot)->broken_reason(), HasSubstr(GetParam().says));
    EXPECT_EQ((*slot)->process_id(), -1);
    order(**slot, Act::answer);
    EXPECT_FALSE((*slot)->invoke()) << "only a repair helps";
    // As without the short limit that made the hang short.
    const auto repaired = (*slot)->repair({});
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_EQ((*slot)->broken_reason(), "");
  }
  EXPECT_FALSE((*slot)->is_broken());
  if (GetParam().act != Act::hang) {  // on a busy machine 50 ms may be too short for good work
    expect_works(**slot);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Children, ProcessSlotWorkTest,
    testing::Values(
        WorkCase{Act::crash, "crash", Code::unavailable, says_of_crash},
        WorkCase{Act::kill_itself, "kill", Code::unavailable,
                 "its process was ended by signal 9 (Killed)"},
        WorkCase{Act::exit, "exit", Code::unavailable, "its process ended with exit code 7"},
        WorkCase{Act::hang, "hang", Code::unavailable,
                 "its process did not answer within 50 ms; it was ended"},
        WorkCase{Act::garbage, "garbage", Code::unavailable,
                 "spoke nonsense: it does not begin as a message does; it was ended"},
        WorkCase{Act::too_large, "too_large", Code::unavailable, "spoke nonsense: a message of"},
        // Ends by itself, through what watches the parent, or is ended, by whoever is first: "its
        // process ended with exit code 0", "its process closed its connection; it was ended".
        WorkCase{Act::close_socket, "close_socket", Code::unavailable, "its process "},
        WorkCase{Act::wrong_sequence, "wrong_sequence", Code::unavailable,
                 "no answer to what it was asked"},
        WorkCase{Act::wrong_shape, "wrong_shape", Code::unavailable,
                 "output 0 (uint8 [1,5]) takes 4096 bytes"},
        WorkCase{Act::wrong_size, "wrong_size", Code::unavailable, "takes 2000000000 bytes"},
        WorkCase{Act::wrong_count, "wrong_count", Code::unavailable, "0 outputs"},
        WorkCase{Act::descriptors, "descriptors", Code::unavailable, "spoke nonsense"},
        WorkCase{Act::fail, "fail", Code::unavailable, "slot 1: no such luck", false},
        WorkCase{Act::throw_something, "throw", Code::internal, "slot 1: thrown", false},
        WorkCase{Act::fail_broken, "fail_broken", Code::unavailable, "the device is gone"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(ProcessSlotTest, ManyWordsHoldNobodyUp) {
  auto slot = ProcessSlot::start(config());
  ASSERT_TRUE(slot) << slot.error().message;
  order(**slot, Act::flood_words, 100'000);
  ASSERT_TRUE((*slot)->invoke());
  order(**slot, Act::exit);
  const auto failed = (*slot)->invoke();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("last words: \"word 99999\""));
}

TEST_F(ProcessSlotTest, AnEndWhileIdleIsNoticedBeforeTheNextWork) {
  auto slot = ProcessSlot::start(config());
  ASSERT_TRUE(slot) << slot.error().message;
  ASSERT_FALSE((*slot)->is_broken());
  kill((*slot)->process_id(), SIGKILL);
  while (!(*slot)->is_broken()) {
    std::this_thread::yield();
  }
  EXPECT_THAT((*slot)->broken_reason(), HasSubstr("its process ended"));
  ASSERT_TRUE((*slot)->repair({}));
  expect_works(**slot);
}

TEST_F(ProcessSlotTest, ARepairWantsTheSameTensors) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / format_text("worker_test.{}", getpid());
  const auto write = [&](std::string_view text) { std::ofstream(file) << text; };
  write("4096");
  auto slot = ProcessSlot::start(config({"file", file.string()}));
  ASSERT_TRUE(slot) << slot.error().message;
  order(**slot, Act::exit);
  EXPECT_FALSE((*slot)->invoke());

  write("4097");
  const auto other = (*slot)->repair({});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::failed_precondition);
  EXPECT_TRUE((*slot)->is_broken());

  write("refuse");
  const auto refused = (*slot)->repair({});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no slot today"));
  EXPECT_TRUE((*slot)->is_broken());

  write("4096");
  ASSERT_TRUE((*slot)->repair({}));
  expect_works(**slot);
  std::filesystem::remove(file);
}

TEST_F(ProcessSlotTest, ARepairEndsSoonWhenItIsToStop) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / format_text("worker_test.{}", getpid());
  std::ofstream(file) << "4096";
  auto slot = ProcessSlot::start(config({"file", file.string()}));
  ASSERT_TRUE(slot) << slot.error().message;
  order(**slot, Act::exit);
  EXPECT_FALSE((*slot)->invoke());
  std::ofstream(file) << "silent";
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto repaired = (*slot)->repair(stop.get_token());
  ASSERT_FALSE(repaired);
  EXPECT_EQ(repaired.error().code, Code::cancelled);
  std::filesystem::remove(file);
}

TEST_F(ProcessSlotTest, TheChildEndsWithItsParentEvenInTheMidstOfWork) {
  // A parent that is killed: a process of its own, whose slot hangs.
  int to_us[2];
  ASSERT_EQ(pipe(to_us), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto slot = ProcessSlot::start(config());
    if (!slot) {
      _exit(1);
    }
    const int child = (*slot)->process_id();
    static_cast<void>(!write(to_us[1], &child, sizeof child));
    order(**slot, Act::hang);
    static_cast<void>((*slot)->invoke());
    _exit(2);
  }
  close(to_us[1]);
  int child = -1;
  ASSERT_EQ(read(to_us[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  // It is init's child now, or its zombie.
  const auto is_alive = [&] {
    std::ifstream stat(format_text("/proc/{}/stat", child));
    std::string pid;
    std::string name;
    std::string state;
    return (stat >> pid >> name >> state) && state != "Z";
  };
  while (is_alive()) {
    std::this_thread::yield();
  }
  close(to_us[0]);
}

TEST_F(ProcessSlotTest, UnderRandomKillsEveryInvokeIsRightOrUnavailable) {
  constexpr int threads = 8;
  constexpr int invokes = 2000;
  std::vector<std::unique_ptr<dispatch::ExecutionSlot>> slots;
  std::vector<ProcessSlot*> processes;
  for (int i = 0; i < 3; ++i) {
    auto chosen = config();
    chosen.name = format_text("slot {}", i);
    auto slot = ProcessSlot::start(chosen);
    ASSERT_TRUE(slot) << slot.error().message;
    processes.push_back(slot->get());
    slots.push_back(*std::move(slot));
  }
  std::atomic<int> good = 0;
  std::atomic<int> unavailable = 0;
  std::atomic<int> killed = 0;
  {
    dispatch::SlotPool pool(std::move(slots), {.first_back_off = milliseconds(1),
                                               .most_back_off = milliseconds(8),
                                               .good_leases = 2,
                                               .observer = {}});
    std::atomic<int> next = 0;
    std::vector<std::jthread> workers;
    for (int thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        std::minstd_rand random(static_cast<unsigned>(thread) + 1);
        for (int i = next++; i < invokes; i = next++) {
          auto lease = pool.acquire(Deadline::never());
          if (!lease) {
            ASSERT_EQ(lease.error().code, Code::unavailable);
            ++unavailable;
            std::this_thread::yield();
            continue;
          }
          const auto input = (*lease)->input(0);
          std::ranges::fill(input, static_cast<std::byte>(random() % 250));
          order(**lease, Act::answer);
          std::jthread killer;
          if (i % 40 == 0) {
            // Sooner or later than the answer.
            const int child = processes[lease->index()]->process_id();
            killer = std::jthread([&killed, spins = random() % 100, pidfd = open_process(child)] {
              for (unsigned spin = 0; spin < spins; ++spin) {
                std::this_thread::yield();
              }
              killed += kill_process(pidfd) ? 1 : 0;
            });
          }
          const auto invoked = (*lease)->invoke();
          if (!invoked) {
            ASSERT_EQ(invoked.error().code, Code::unavailable) << invoked.error().message;
            ++unavailable;
            continue;
          }
          const auto wanted = static_cast<std::byte>(std::to_integer<int>(input.back()) + 1);
          const auto output = (*lease)->output(0).subspan(sizeof(Order));
          ASSERT_EQ(std::ranges::count(output, wanted), std::ssize(output));
          ++good;
        }
      });
    }
    workers.clear();
    EXPECT_EQ(good + unavailable, invokes);
    EXPECT_GT(good, 0);
    EXPECT_GT(killed, 0);
    // What died while it was free is found when it is to be lent; then all are whole again.
    std::vector<dispatch::SlotPool::Lease> all;
    while (all.size() < pool.size()) {
      if (auto lease = pool.acquire(Deadline::never())) {
        // A process that was killed a moment ago may not have ended yet.
        order(**lease, Act::answer);
        if (const auto invoked = (*lease)->invoke(); !invoked) {
          ASSERT_EQ(invoked.error().code, Code::unavailable) << invoked.error().message;
          continue;
        }
        expect_works(**lease);
        all.push_back(*std::move(lease));
      } else {
        std::this_thread::yield();
      }
    }
    EXPECT_EQ(pool.usable(), pool.size());
    EXPECT_GT(pool.repairs(), 0U);  // not before: under emulation a repair outlasts all invokes
  }
}

}  // namespace
}  // namespace gantry::worker
