#include "trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace gantry::cli {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class TrialTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(program); }
  /// A child that is a shell script instead of this program.
  Result<inference::Tried> outcome_of(
      const std::string& script, Deadline deadline = Deadline::after(std::chrono::minutes(2))) {
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    auto process =
        TrialProcess::start("model.tflite", inference::CpuBackendWanted::automatic, program);
    return process ? (*process)->wait(deadline) : std::unexpected(process.error());
  }
  static std::string test_name() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ranges::replace(name, '/', '-');
    return name;
  }
  std::filesystem::path program =
      std::filesystem::path(testing::TempDir()) / ("gantry-trial-" + test_name());
};

TEST_F(TrialTest, ExitCode0IsGood) { EXPECT_TRUE(outcome_of("exit 0")); }
TEST_F(TrialTest, TheChildIsAskedForTheModel) {
  EXPECT_TRUE(outcome_of(R"(test "$1" = trial && test "$2" = model.tflite && test "$3" = auto)"));
}
struct XnnpackTrial {
  const char* name;
  const char* script;
  const char* without;  ///< why; empty: it may be used
};
class XnnpackTrialTest : public TrialTest, public testing::WithParamInterface<XnnpackTrial> {};
TEST_P(XnnpackTrialTest, WhatFailsOnceXnnpackHasBegunCostsXnnpackAlone) {
  const auto outcome =
      outcome_of(std::string("echo 'gantry-trial-xnnpack: begins'; ") + GetParam().script);
  ASSERT_TRUE(outcome) << outcome.error().message;
  if (*GetParam().without == '\0') {
    EXPECT_EQ(outcome->without_xnnpack, "");
    EXPECT_EQ(outcome->proof_words, "all is well");
  } else {
    EXPECT_THAT(outcome->without_xnnpack, HasSubstr(GetParam().without));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Children, XnnpackTrialTest,
    testing::Values(XnnpackTrial{"right", "echo 'gantry-trial-proof: all is well'", ""},
                    XnnpackTrial{"wrong", "echo 'gantry-trial-without-xnnpack: off by 9'",
                                 "off by 9"},
                    XnnpackTrial{"crash", "kill -SEGV $$", "signal 11"},
                    XnnpackTrial{"exit", "exit 3", "exit code 3"}),
    [](const auto& test) { return std::string(test.param.name); });
TEST_F(TrialTest, AnXnnpackThatNeverEndsCostsXnnpackAlone) {
  const auto outcome =
      outcome_of("echo 'gantry-trial-xnnpack: begins'; while :; do :; done", Deadline::after(5s));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->without_xnnpack, HasSubstr("did not end"));
}
TEST_F(TrialTest, TheChildsOwnWordsAreTheReason) {
  const auto outcome = outcome_of("echo noise >&2; echo 'gantry-trial: too odd'; exit 1");
  EXPECT_EQ(outcome.error().message, "too odd");
}
TEST_F(TrialTest, ASignalIsNamedWithTheLastWords) {
  const auto outcome = outcome_of("echo 'about to fall' >&2; kill -SEGV $$");
  EXPECT_EQ(outcome.error().code, Code::invalid_argument);
  EXPECT_THAT(outcome.error().message, HasSubstr("signal 11"));
  EXPECT_THAT(outcome.error().message, HasSubstr("about to fall"));
}
TEST_F(TrialTest, AnotherExitCodeIsNamed) {
  EXPECT_THAT(outcome_of("exit 7").error().message, HasSubstr("exit code 7"));
}
TEST_F(TrialTest, AChildThatCouldNotExecuteTheProgramPointsToTheWayAround) {
  EXPECT_THAT(outcome_of("exit 127").error().message, HasSubstr("--no-trial"));
}
TEST_F(TrialTest, AChildThatNeverEndsIsEnded) {
  EXPECT_THAT(outcome_of("while :; do :; done", Deadline::after(10ms)).error().message,
              HasSubstr("did not end"));
}
TEST_F(TrialTest, AProgramThatCannotBeStartedIsNamedWithTheWayAround) {
  auto process = TrialProcess::start("model.tflite", inference::CpuBackendWanted::automatic,
                                     "/nowhere/gantry");
  // Under user-mode emulation only the child learns it.
  const auto outcome = process ? (*process)->wait(Deadline::after(std::chrono::minutes(2)))
                               : Result<inference::Tried>(std::unexpected(process.error()));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::unavailable);
  EXPECT_THAT(outcome.error().message, HasSubstr("--no-trial"));
}

}  // namespace
}  // namespace gantry::cli
