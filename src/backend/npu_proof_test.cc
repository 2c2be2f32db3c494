#include "gantry/backend/npu_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "gantry/backend/live_test.h"
#include "gantry/backend/npu_factory.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/test/model_builder.h"
#include "testing/pretending.h"

namespace gantry::backend {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

ProofResult proof_by(std::vector<std::string> how, std::chrono::milliseconds limit = 2min) {
  const auto model = model_file::ModelFile::of(test::color_classifier(), "colors.tflite").value();
  auto proof = prove_in_child("/nowhere/libteflon.so", model, limit, 0, pretending(std::move(how)));
  EXPECT_TRUE(proof) << proof.error().message;
  return *std::move(proof);
}

std::string report(bool passed) {
  return format_text(
      R"(say:{{"passed":{},"words":"off by 1","operators":5,"delegated":3,"partitions":1,)"
      R"("invoke_ms":1.5,"delegate_ms":1.0,"cpu_ms":4.5}})",
      passed);
}

TEST(NpuProof, WhatTheChildSaidAndEndedWellIsTheResult) {
  const auto proof = proof_by({report(true)});
  EXPECT_TRUE(proof.passed);
  EXPECT_TRUE(proof.is_complete);
  EXPECT_EQ(proof.words, "off by 1");
  EXPECT_EQ(proof.operators_npu, 3U);
  EXPECT_EQ(proof.operators_cpu, 2U);
  EXPECT_EQ(proof.invoke_ms, 1.5);
  EXPECT_GE(proof.outputs.fd(), 0);
}

struct Failure {
  std::string name;
  std::vector<std::string> how;
  std::string words;
};
class NpuProofFailure : public testing::TestWithParam<Failure> {};
TEST_P(NpuProofFailure, IsNoPass) {
  const auto proof = proof_by(GetParam().how);
  EXPECT_FALSE(proof.passed);
  EXPECT_THAT(proof.words, HasSubstr(GetParam().words));
}
INSTANTIATE_TEST_SUITE_P(
    Children, NpuProofFailure,
    testing::Values(
        Failure{"silence", {"exit:0"}, "without a word"},
        Failure{"said_on_stdout", {"print:" + report(true).substr(4), "exit:0"}, "without a word"},
        Failure{"right_and_then_a_crash", {"step:timing", report(true), "crash"}, "timing crashed"},
        Failure{"right_and_then_exit_0", {report(true), "exit:0"}, "without a word"},
        Failure{"wrong_and_then_a_crash", {report(false), "crash"}, "off by 1"},
        Failure{"no_json", {"say:passed"}, "without a word"},
        Failure{"other_json", {R"(say:{"passed":"yes"})"}, "without a word"},
        Failure{"more_than_all",
                {R"(say:{"passed":true,"words":"","operators":1,"delegated":2,)"
                 R"("partitions":1,"invoke_ms":0,"delegate_ms":0,"cpu_ms":0})"},
                "without a word"},
        Failure{"error",
                {"step:loading the library", "error:no device"},
                "loading the library failed: no device"}),
    [](const auto& test) { return test.param.name; });

TEST(NpuProof, AHangIsNamedByItsStep) {
  const auto proof = proof_by({"step:running the model on the NPU", "hang"}, 300ms);
  EXPECT_FALSE(proof.passed);
  EXPECT_THAT(proof.words, HasSubstr("running the model on the NPU did not end within 0.3 s"));
}

TEST(LiveTest, JudgesTheProof) {
  const auto path = std::filesystem::path(testing::TempDir()) / "gantry-live.tflite";
  ASSERT_TRUE(write_file(path, test::color_classifier()));
  const auto live = [&](std::vector<std::string> how) {
    return live_test("/nowhere/libteflon.so", path, 2min, pretending(std::move(how)));
  };
  using system::Status;
  const auto good = live({report(true)});
  EXPECT_EQ(good.status, Status::ok);
  EXPECT_EQ(good.found,
            "3 of 5 operators on the NPU in 1 partition, 1.5 ms (CPU: 4.5 ms), off by 1");
  const auto wrong = live({report(false)});
  EXPECT_EQ(wrong.status, Status::failure);
  EXPECT_THAT(wrong.why, HasSubstr("answer is wrong"));
  EXPECT_FALSE(wrong.remedies.empty());
  const auto crashed = live({"step:running it", "crash"});
  EXPECT_EQ(crashed.status, Status::failure);
  EXPECT_THAT(crashed.found, HasSubstr("running it crashed"));
  EXPECT_EQ(live({"exit:127"}).status, Status::skipped);
  std::filesystem::remove(path);
}

TEST(NpuFactory, ALibraryThatIsNoneIsTheReason) {
  const auto path = std::filesystem::path(testing::TempDir()) / "gantry-no-library.so";
  ASSERT_TRUE(write_file(path, std::as_bytes(std::span("no library", 10))));
  const auto model = model_file::ModelFile::of(test::color_classifier(), "colors.tflite").value();
  const auto factory = make_npu_factory({.teflon = path, .self = pretending({})});
  const auto npu = factory(model, 2);
  EXPECT_TRUE(npu.slots.empty());
  EXPECT_NE(npu.report.reason, "");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace gantry::backend
