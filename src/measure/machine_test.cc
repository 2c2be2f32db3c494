#include "gantry/measure/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace gantry::measure {
namespace {

TEST(Machine, ReadsAMadeUpRoot) {
  const std::filesystem::path root =
      std::filesystem::path(testing::TempDir()) / "gantry-machine-root";
  std::filesystem::create_directories(root / "dev/accel");
  std::filesystem::create_directories(root / "proc");
  EXPECT_EQ(accel_node(root), "");
  EXPECT_EQ(cpu_name(root), "unknown CPU");
  std::ofstream(root / "dev/accel/accel1").close();
  std::ofstream(root / "dev/accel/accel0").close();
  std::ofstream(root / "proc/cpuinfo") << "processor\t: 0\nmodel name\t: Some CPU @ 1 GHz\n";
  EXPECT_EQ(accel_node(root), "/dev/accel/accel0");
  EXPECT_EQ(cpu_name(root), "Some CPU @ 1 GHz");
  std::filesystem::remove_all(root);
}
TEST(Machine, ThisProcessHasMemory) {
  EXPECT_GT(memory_of_this_process().resident, 0U);
  EXPECT_GE(memory_of_this_process().peak, memory_of_this_process().resident / 2);
}

}  // namespace
}  // namespace gantry::measure
