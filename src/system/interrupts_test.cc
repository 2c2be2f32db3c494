#include "gantry/system/interrupts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "made_up_tree.h"

namespace gantry::system::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* rk3588 =
    "           CPU0       CPU1       CPU4\n"
    " 14:     210734      31337      20010    GICv3  26 Level     arch_timer\n"
    " 71:         30          0          2    GICv3 144 Level     fdada000.iommu, fdad0000.npu\n"
    " 69:         12          0          5    GICv3 142 Level     fdab9000.iommu, fdab0000.npu\n"
    " 70:          0          0          0    GICv3 143 Level     fdaca000.iommu, fdac0000.npu\n"
    "IPI0:      4711        815       1234       Rescheduling interrupts\n"
    "Err:          0\n";

TEST(Interrupts, AreThoseOfTheNpusCoresInTheirOrder) {
  MadeUpTree tree;
  tree.file("/proc/interrupts", rk3588);
  const auto cores = read_npu_interrupts(tree.root());
  ASSERT_EQ(cores.size(), 3U);
  EXPECT_EQ(cores[0].core, "fdab0000.npu");
  EXPECT_EQ(cores[0].interrupt, 69);
  EXPECT_THAT(cores[0].per_cpu, ElementsAre(12U, 0U, 5U));
  EXPECT_THAT(cores[0].cpus, ElementsAre(0, 1, 4));
  EXPECT_EQ(cores[0].total(), 17U);
  EXPECT_EQ(cores[1].core, "fdac0000.npu");
  EXPECT_EQ(cores[2].total(), 32U);
}

TEST(Interrupts, AreUnknownWhereTheFileIsHidden) {
  MadeUpTree tree;
  EXPECT_THAT(read_npu_interrupts(tree.root()), IsEmpty());
  tree.file("/proc/interrupts", "");  // container engines mount an empty file there
  EXPECT_THAT(read_npu_interrupts(tree.root()), IsEmpty());
  tree.file("/proc/interrupts", " 69: x 0 GICv3 142 Level fdab0000.npu\n");
  EXPECT_THAT(read_npu_interrupts(tree.root()), IsEmpty());
  EXPECT_FALSE(work_between({}, {}).has_value());
}

TEST(Interrupts, OfTwoReadingsGiveTheWorkBetweenThem) {
  std::vector<CoreInterrupts> before(3);
  before[0] = {.core = "a.npu", .interrupt = 69, .per_cpu = {10, 1}, .cpus = {0, 1}};
  before[1] = {.core = "b.npu", .interrupt = 70, .per_cpu = {5, 0}, .cpus = {0, 1}};
  before[2] = {.core = "c.npu", .interrupt = 71, .per_cpu = {7, 0}, .cpus = {0, 1}};
  auto after = before;
  after[0].per_cpu = {10, 42};
  after[2].per_cpu = {48, 0};
  const auto work = work_between(before, after);
  ASSERT_TRUE(work.has_value());
  EXPECT_THAT(work->tasks, ElementsAre(41U, 0U, 41U));
  EXPECT_EQ(work_text(*work, 2), "41 tasks an inference on cores 0 and 2");
  EXPECT_EQ(work_text(*work, 4), "20.5 tasks an inference on cores 0 and 2");
  EXPECT_EQ(work_text(*work_between(before, before), 2), "no task");

  after.pop_back();  // another driver came
  EXPECT_FALSE(work_between(before, after).has_value());
}

}  // namespace
}  // namespace gantry::system::test
