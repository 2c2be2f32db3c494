#include "gantry/backend/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "gantry/base/file.h"
#include "gantry/test/model_builder.h"
#include "gantry/xnnpack/backend.h"
#include "testing/pretending.h"

namespace gantry::backend {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The real one.
Self real() { return pretending({}); }

model_file::ModelFile color_model() {
  return model_file::ModelFile::of(test::color_classifier(), "colors.tflite").value();
}

Result<Tried> outcome_of(const Self& self, Deadline deadline = Deadline::after(2min),
                         CpuBackendWanted wanted = CpuBackendWanted::automatic) {
  const auto process = TrialProcess::start(color_model(), wanted, self);
  return process ? (*process)->wait(deadline) : std::unexpected(process.error());
}

TEST(Trial, AModelThatRunsPassesAndXnnpackIsProvenWhereItIs) {
  const auto outcome = outcome_of(real());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->is_proven, xnnpack::available().has_value()) << outcome->refusal;
  const auto without = outcome_of(real(), Deadline::after(2min), CpuBackendWanted::tflite);
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_FALSE(without->is_proven);
}

TEST(Trial, TheChildGetsTheBytesAndNoPath) {
  const auto model = test::color_classifier();
  const auto path = std::filesystem::path(testing::TempDir()) / "gantry-trial-model.tflite";
  ASSERT_TRUE(write_file(path, model));
  const auto file = model_file::ModelFile::open(path).value();
  std::filesystem::remove(path);  // whatever becomes of it
  const auto process = TrialProcess::start(file, CpuBackendWanted::tflite, real()).value();
  const auto outcome = process->wait(Deadline::after(2min));
  EXPECT_TRUE(outcome) << outcome.error().message;
}

// Exit code 0 was a pass once, and words on stdout were marks.
TEST(Trial, SilenceIsNoPass) {
  EXPECT_THAT(outcome_of(pretending({"exit:0"})).error().message, HasSubstr("did not say"));
  EXPECT_THAT(outcome_of(pretending({"print:tflite ran", "exit:0"})).error().message,
              HasSubstr("did not say"));
}

struct XnnpackCase {
  std::string name;
  std::vector<std::string> how;
  std::string refusal;  ///< empty: proven
};
class XnnpackTrialTest : public testing::TestWithParam<XnnpackCase> {};
TEST_P(XnnpackTrialTest, WhatFailsOnceTensorFlowLiteIsDoneCostsXnnpackAlone) {
  auto how = GetParam().how;
  how.insert(how.begin(), "say:tflite ran");
  const auto outcome = outcome_of(pretending(how));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->is_proven, GetParam().refusal.empty());
  EXPECT_THAT(outcome->refusal, HasSubstr(GetParam().refusal));
  if (outcome->is_proven) {
    EXPECT_EQ(outcome->proof_words, "all is well");
  }
}
INSTANTIATE_TEST_SUITE_P(
    Children, XnnpackTrialTest,
    testing::Values(
        XnnpackCase{"right", {"say:xnnpack proven: all is well"}, ""},
        XnnpackCase{"wrong", {"say:xnnpack refused: off by 9"}, "off by 9"},
        XnnpackCase{"silent", {}, "said nothing of XNNPACK"},
        XnnpackCase{"said_on_stdout", {"print:xnnpack proven: x"}, "said nothing of XNNPACK"},
        XnnpackCase{"crash", {"crash"}, "signal 11"},
        XnnpackCase{"crash_after_it_said_so", {"say:xnnpack proven: x", "crash"}, "signal 11"},
        XnnpackCase{"exit", {"exit:3"}, "exit code 3"},
        XnnpackCase{"exit_0_before_its_job_is_done", {"exit:0"}, "exit code 0"}),
    [](const auto& test) { return test.param.name; });

TEST(Trial, AnXnnpackThatNeverEndsCostsXnnpackAlone) {
  const auto outcome = outcome_of(pretending({"say:tflite ran", "hang"}), Deadline::after(5s));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->is_proven);
  EXPECT_THAT(outcome->refusal, HasSubstr("did not end"));
}

TEST(Trial, TheChildsOwnWordsAreTheReason) {
  EXPECT_EQ(outcome_of(pretending({"print:noise", "error:too odd"})).error().message, "too odd");
}

TEST(Trial, ASignalIsNamedWithTheLastWords) {
  const auto outcome = outcome_of(pretending({"crash"}));
  EXPECT_EQ(outcome.error().code, Code::invalid_argument);
  EXPECT_THAT(outcome.error().message, HasSubstr("signal 11"));
  EXPECT_THAT(outcome.error().message, HasSubstr("last words"));
}

TEST(Trial, AKilledChildSpeaksNotAgainstTheModel) {
  const auto outcome = outcome_of(pretending({"killed"}));
  EXPECT_EQ(outcome.error().code, Code::unavailable);
  EXPECT_THAT(outcome.error().message, HasSubstr("want of memory"));
}

TEST(Trial, AnotherExitCodeIsNamed) {
  EXPECT_THAT(outcome_of(pretending({"exit:7"})).error().message, HasSubstr("exit code 7"));
}

TEST(Trial, AChildThatCouldNotExecuteTheProgramPointsToTheWayAround) {
  EXPECT_THAT(outcome_of(pretending({"exit:127"})).error().message, HasSubstr("--no-trial"));
}

TEST(Trial, AChildThatNeverEndsIsEnded) {
  EXPECT_THAT(outcome_of(pretending({"hang"}), Deadline::after(10ms)).error().message,
              HasSubstr("did not end"));
}

TEST(Trial, AProgramThatCannotBeStartedIsNamedWithTheWayAround) {
  // Under user-mode emulation only the child learns it.
  const auto outcome = outcome_of({.program = "/nowhere/gantry"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::unavailable);
  EXPECT_THAT(outcome.error().message, HasSubstr("--no-trial"));
}

}  // namespace
}  // namespace gantry::backend
