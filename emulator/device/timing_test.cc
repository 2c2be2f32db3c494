#include "gantry/emulator_device/timing.h"

#include <gtest/gtest.h>

namespace gantry::emulator {
namespace {

using std::chrono::microseconds;

ConvTask pointwise(std::uint32_t size, std::uint32_t channels) {
  ConvTask task;
  task.input = {.width = size, .height = size, .channels = channels, .lanes = channels};
  task.output = task.input;
  task.kernel_width = task.kernel_height = 1;
  task.kernels = channels;
  return task;
}

TEST(TaskTime, IsComputeWhereThereIsMuchToCompute) {
  auto task = pointwise(32, 64);
  task.kernel_width = task.kernel_height = 3;
  // 32² · 64 · 64 · 9 products at 1024 a cycle and 200 MHz: 184 µs; and the interrupt.
  EXPECT_EQ(std::chrono::duration_cast<microseconds>(task_time(task, 200e6)).count(), 184 + 25);
}

TEST(TaskTime, IsMemoryWhereThereIsNot) {
  // 1024² weights at 16 bytes a cycle take longer than as many products.
  EXPECT_GT(task_time(pointwise(1, 1024), 200e6), microseconds(320));
}

TEST(TaskTime, FallsWithTheClockDownToTheInterrupt) {
  const auto task = pointwise(32, 64);
  EXPECT_GT(task_time(task, 200e6), task_time(task, 1e9));
  EXPECT_GE(task_time(task, 1e15), task_overhead);
}

TEST(TaskTime, HasABound) {
  ConvTask task = pointwise(2047, 8192);
  task.kernel_width = task.kernel_height = 31;
  EXPECT_GT(task_time(task, 1e3), watchdog);
  EXPECT_LE(task_time(task, 1e3), std::chrono::hours(2));
}

}  // namespace
}  // namespace gantry::emulator
