#include "gantry/base/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace gantry {
namespace {

std::size_t affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  return static_cast<std::size_t>(CPU_COUNT(&set));
}

struct Case {
  const char* name;
  const char* file;  // below the made-up root
  const char* content;
  std::size_t want;  // before the cut to this machine's affinity
};

class AvailableCoresTest : public testing::TestWithParam<Case> {};

TEST_P(AvailableCoresTest, IsTheQuotaOrTheAffinity) {
  std::string name = (std::filesystem::temp_directory_path() / "gantry-cpu-XXXXXX").string();
  const std::filesystem::path root = ::mkdtemp(name.data());
  const auto write = [&](const std::filesystem::path& path, const char* text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  write("proc/self/cgroup", "12:pids:/x\n0::/pod/container\n");
  std::filesystem::create_directories(root / "sys/fs/cgroup/pod/container");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write(GetParam().file, GetParam().content);
  EXPECT_EQ(available_cores(root), std::min(GetParam().want, affinity()));
  std::filesystem::remove_all(root);
}

INSTANTIATE_TEST_SUITE_P(
    Quotas, AvailableCoresTest,
    testing::Values(
        Case{"no_limit_is_the_affinity", "sys/fs/cgroup/pod/container/cpu.max", "max 100000\n",
             9999},
        Case{"one_core", "sys/fs/cgroup/pod/container/cpu.max", "100000 100000\n", 1},
        Case{"a_fraction_rounds_up", "sys/fs/cgroup/pod/container/cpu.max", "150000 100000\n", 2},
        Case{"less_than_one_is_one", "sys/fs/cgroup/pod/container/cpu.max", "5000 100000\n", 1},
        Case{"an_ancestors_limit_holds", "sys/fs/cgroup/pod/cpu.max", "100000 100000\n", 1},
        Case{"the_roots_limit_holds", "sys/fs/cgroup/cpu.max", "100000 100000\n", 1},
        Case{"version_1", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n", 1},
        Case{"version_1_without_limit", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n", 9999},
        Case{"nonsense_is_no_limit", "sys/fs/cgroup/cpu.max", "many\n", 9999}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace gantry
