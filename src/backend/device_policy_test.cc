#include "gantry/backend/device_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace gantry::backend {
namespace {

using enum DevicePolicy::State;
using dispatch::Device;

/// A policy in each state, and what each call makes of it.
struct Case {
  const char* name;
  DeviceWanted wanted;
  bool has_slots;
  bool was_lost;  ///< the last slot broke before
  DevicePolicy::State state;
  std::optional<Device> target;
  DevicePolicy::State with_none;  ///< after update() with no usable slot
  DevicePolicy::State with_some;
};
class DevicePolicyTest : public testing::TestWithParam<Case> {
 protected:
  static DevicePolicy& lost(DevicePolicy& policy) {
    if (GetParam().was_lost) {
      policy.update([] { return 0U; });
    }
    return policy;
  }
};

TEST_P(DevicePolicyTest, SaysWhereRequestsGo) {
  DevicePolicy policy(GetParam().wanted, GetParam().has_slots);
  lost(policy);
  EXPECT_EQ(policy.state(), GetParam().state);
  EXPECT_EQ(policy.target(), GetParam().target);
  EXPECT_EQ(policy.wanted(), GetParam().wanted);
}
TEST_P(DevicePolicyTest, NoUsableSlot) {
  DevicePolicy policy(GetParam().wanted, GetParam().has_slots);
  lost(policy);
  const auto changed = policy.update([] { return 0U; });
  EXPECT_EQ(policy.state(), GetParam().with_none);
  EXPECT_EQ(changed.has_value(), GetParam().with_none != GetParam().state);
  EXPECT_EQ(changed.value_or(policy.state()), policy.state());
}
TEST_P(DevicePolicyTest, AUsableSlot) {
  DevicePolicy policy(GetParam().wanted, GetParam().has_slots);
  lost(policy);
  const auto changed = policy.update([] { return 1U; });
  EXPECT_EQ(policy.state(), GetParam().with_some);
  EXPECT_EQ(changed.has_value(), GetParam().with_some != GetParam().state);
  EXPECT_EQ(changed.value_or(policy.state()), policy.state());
}
INSTANTIATE_TEST_SUITE_P(States, DevicePolicyTest,
                         testing::Values(Case{"cpu_was_wanted", DeviceWanted::cpu, false, false,
                                              on_cpu, Device::cpu, on_cpu, on_cpu},
                                         Case{"auto_without_slots", DeviceWanted::automatic, false,
                                              false, on_cpu, Device::cpu, on_cpu, on_cpu},
                                         Case{"auto_on_npu", DeviceWanted::automatic, true, false,
                                              on_npu, Device::npu, moved, on_npu},
                                         Case{"npu_on_npu", DeviceWanted::npu, true, false, on_npu,
                                              Device::npu, down, on_npu},
                                         Case{"auto_moved", DeviceWanted::automatic, true, true,
                                              moved, Device::cpu, moved, on_npu},
                                         Case{"npu_down", DeviceWanted::npu, true, true, down,
                                              std::nullopt, down, on_npu}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DevicePolicy, CountsEachTimeThatItLeavesTheNpu) {
  DevicePolicy policy(DeviceWanted::automatic, true);
  for (const std::size_t usable : {2U, 0U, 0U, 1U, 3U, 0U, 1U}) {
    policy.update([&] { return usable; });
  }
  EXPECT_EQ(policy.moves_away(), 2U);
  EXPECT_EQ(policy.state(), on_npu);
}

TEST(DevicePolicy, TheCountThatIsReadLastDecides) {
  DevicePolicy policy(DeviceWanted::automatic, true);
  std::atomic<std::size_t> usable = 1;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int turn = 0; turn < 1000; ++turn) {
          usable = static_cast<std::size_t>((turn + i) % 2);
          policy.update([&] { return usable.load(); });
        }
      });
    }
  }
  usable = 1;
  policy.update([&] { return usable.load(); });
  EXPECT_EQ(policy.state(), on_npu);
}

}  // namespace
}  // namespace gantry::backend
