#include "gantry/emulator_device/settings.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace gantry::emulator {
namespace {

struct Spec {
  const char* name;
  const char* text;
  Fault fault;
};

class FaultSpec : public ::testing::TestWithParam<Spec> {};

TEST_P(FaultSpec, IsRead) {
  const auto fault = Fault::parse(GetParam().text);
  ASSERT_TRUE(fault) << fault.error().message;
  EXPECT_EQ(fault->kind, GetParam().fault.kind);
  EXPECT_EQ(fault->value, GetParam().fault.value);
  EXPECT_EQ(fault->after, GetParam().fault.after);
  EXPECT_EQ(fault->every, GetParam().fault.every);
  EXPECT_EQ(fault->count, GetParam().fault.count);
}

INSTANTIATE_TEST_SUITE_P(
    Each, FaultSpec,
    ::testing::Values(
        Spec{"plain", "hang", {.kind = FaultKind::hang}},
        Spec{"value", "slow=20", {.kind = FaultKind::slow, .value = 20}},
        Spec{"channel", "wrong-channel=7", {.kind = FaultKind::wrong_channel, .value = 7}},
        Spec{"usual_errno", "submit-error", {.kind = FaultKind::submit_error, .value = EINVAL}},
        Spec{"errno_by_name",
             "submit-error=ENOMEM",
             {.kind = FaultKind::submit_error, .value = ENOMEM}},
        Spec{"options",
             "lose-job:after=10,every=3,count=2",
             {.kind = FaultKind::lose_job, .after = 10, .every = 3, .count = 2}}),
    [](const auto& test) { return std::string(test.param.name); });

class BadCommand : public ::testing::TestWithParam<const char*> {};

TEST_P(BadCommand, ChangesNothing) {
  Settings settings;
  const auto done = settings.apply(GetParam());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::invalid_argument);
  EXPECT_EQ(settings.mode(), Mode::exact);
  EXPECT_TRUE(settings.fault_names().empty());
}

INSTANTIATE_TEST_SUITE_P(Each, BadCommand,
                         ::testing::Values("", "mode", "mode fast", "fault", "fault hung",
                                           "fault slow", "fault slow=-1", "fault hang=1",
                                           "fault hang:every=0", "fault hang:often=1",
                                           "fault submit-error=EXXX", "clear everything",
                                           "clock-mhz 0", "time-scale nan", "\xFF"));

TEST(Settings, AFaultStrikesWhereItWasTold) {
  Settings settings;
  ASSERT_TRUE(settings.apply("fault lose-job:after=2,every=3,count=2"));
  std::string strikes;
  for (int i = 0; i < 12; ++i) {
    strikes += settings.strikes(FaultKind::lose_job) ? 'x' : '.';
  }
  EXPECT_EQ(strikes, "....x..x....");
  EXPECT_FALSE(settings.is_set(FaultKind::lose_job));
}

TEST(Settings, ANewSpecReplacesTheOldAndClearEndsIt) {
  Settings settings;
  ASSERT_TRUE(settings.apply("fault slow=10"));
  ASSERT_TRUE(settings.apply("fault slow=30"));
  ASSERT_TRUE(settings.apply("fault hang"));
  EXPECT_EQ(settings.strikes(FaultKind::slow), 30);
  ASSERT_TRUE(settings.apply("clear slow"));
  EXPECT_EQ(settings.strikes(FaultKind::slow), std::nullopt);
  EXPECT_TRUE(settings.is_set(FaultKind::hang));
  ASSERT_TRUE(settings.apply("clear"));
  EXPECT_TRUE(settings.fault_names().empty());
}

}  // namespace
}  // namespace gantry::emulator
