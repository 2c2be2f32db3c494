#include "gantry/base/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gantry/base/format.h"

namespace gantry {
namespace {

std::size_t affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  return static_cast<std::size_t>(CPU_COUNT(&set));
}

/// A folder in place of "/", gone with the object.
struct MadeUpRoot {
  MadeUpRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-cpu-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  MadeUpRoot(const MadeUpRoot&) = delete;
  MadeUpRoot& operator=(const MadeUpRoot&) = delete;
  ~MadeUpRoot() { std::filesystem::remove_all(path); }

  void write(const std::filesystem::path& file, const char* text) const {
    std::filesystem::create_directories((path / file).parent_path());
    std::ofstream(path / file) << text;
  }

  std::filesystem::path path;
};

struct Case {
  const char* name;
  const char* file;  // below the made-up root
  const char* content;
  std::size_t want;  // before the cut to this machine's affinity
};

class AvailableCoresTest : public testing::TestWithParam<Case> {};

TEST_P(AvailableCoresTest, IsTheQuotaOrTheAffinity) {
  const MadeUpRoot root;
  root.write("proc/self/cgroup", "12:pids:/x\n0::/pod/container\n");
  std::filesystem::create_directories(root.path / "sys/fs/cgroup/pod/container");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.write(GetParam().file, GetParam().content);
  EXPECT_EQ(available_cores(root.path), std::min(GetParam().want, affinity()));
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

struct ListCase {
  const char* name;
  const char* text;
  CpuList want;  // empty: refused
};

class CpuListTest : public testing::TestWithParam<ListCase> {};

TEST_P(CpuListTest, IsTheKernelsFormat) {
  const auto cpus = parse_cpu_list(GetParam().text);
  EXPECT_EQ(cpus.value_or(CpuList{}), GetParam().want);
  EXPECT_EQ(cpus.has_value(), !GetParam().want.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Lists, CpuListTest,
    testing::Values(ListCase{"one", "4", {4}}, ListCase{"a_range", "4-7", {4, 5, 6, 7}},
                    ListCase{"both", "0,2,4-6", {0, 2, 4, 5, 6}},
                    ListCase{"any_order_and_twice", "3-4,0,4", {0, 3, 4}},
                    ListCase{"the_last", "1023", {1023}}, ListCase{"nothing", "", {}},
                    ListCase{"backwards", "7-4", {}}, ListCase{"too_large", "0-1024", {}},
                    ListCase{"huge", "0-99999999999999999999", {}}, ListCase{"negative", "-1", {}},
                    ListCase{"words", "big", {}}, ListCase{"an_end_too_many", "1,", {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(CpuListTest, IsWrittenAsShortAsCanBe) {
  for (const char* text : {"4", "4-7", "0,2,4-6", "0-1"}) {
    EXPECT_EQ(format_cpu_list(*parse_cpu_list(text)), text);
  }
  EXPECT_EQ(format_cpu_list({}), "");
}

struct BigCase {
  const char* name;
  std::vector<const char*> capacities;  // of the CPUs 0, 1, …; null: no such file
  CpuList want;
};

class BigCpusTest : public testing::TestWithParam<BigCase> {};

TEST_P(BigCpusTest, AreThoseNearTheHighestCapacity) {
  const MadeUpRoot root;
  CpuList all;
  for (const char* capacity : GetParam().capacities) {
    if (capacity != nullptr) {
      root.write(format_text("sys/devices/system/cpu/cpu{}/cpu_capacity", all.size()), capacity);
    }
    all.push_back(all.size());
  }
  EXPECT_EQ(big_cpus(all, root.path), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, BigCpusTest,
    testing::Values(BigCase{"rk3588",
                            {"414", "414", "414", "414", "1024", "1024", "1003", "1003"},
                            {4, 5, 6, 7}},
                    BigCase{"all_alike", {"1024", "1024"}, {0, 1}},
                    BigCase{"no_capacities", {nullptr, nullptr}, {0, 1}},
                    BigCase{"one_without", {"414", nullptr}, {0, 1}},
                    BigCase{"nonsense", {"many", "1024"}, {0, 1}},
                    BigCase{"zero", {"0", "1024"}, {0, 1}},
                    BigCase{"the_largest_number", {"9223372036854775807", "1024"}, {0}},
                    BigCase{"none", {}, {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(RunOnTest, BindsThisThreadAndThoseThatItStarts) {
  std::thread([] {
    const auto before = allowed_cpus();
    ASSERT_FALSE(before.empty());
    ASSERT_TRUE(run_on({before.back()}));
    EXPECT_EQ(allowed_cpus(), CpuList{before.back()});
    EXPECT_EQ(available_cores(), 1);
    std::thread([&] { EXPECT_EQ(allowed_cpus(), CpuList{before.back()}); }).join();
  }).join();
}

TEST(RunOnTest, RefusesCpusThatAreNotThere) {
  const auto before = allowed_cpus();
  EXPECT_FALSE(run_on({}));
  EXPECT_FALSE(run_on({CPU_SETSIZE}));
  EXPECT_EQ(allowed_cpus(), before);
}

}  // namespace
}  // namespace gantry
