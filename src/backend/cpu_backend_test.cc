#include "gantry/backend/cpu_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "gantry/test/model_builder.h"
#include "gantry/xnnpack/backend.h"

namespace gantry::backend {
namespace {

using testing::HasSubstr;
using enum CpuBackendWanted;

std::shared_ptr<const tflite::Model> model_of(std::vector<std::byte> bytes) {
  return tflite::Model::create(std::move(bytes)).value();
}
/// One that XNNPACK computes: the mean of a whole picture.
std::shared_ptr<const tflite::Model> colors() { return model_of(test::color_classifier()); }
/// One that is not worth handing over: a RESHAPE.
std::shared_ptr<const tflite::Model> identity() { return model_of(test::identity_model(4, 4)); }

std::vector<std::byte> answer(const CpuBackend& backend) {
  auto session = backend.session({}).value();
  const auto input = session->input(0);
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<std::byte>(i * 7);
  }
  EXPECT_TRUE(session->invoke());
  const auto output = session->output(0);
  return {output.begin(), output.end()};
}

#define GANTRY_NEEDS_XNNPACK()                         \
  if (const auto here = xnnpack::available(); !here) { \
    GTEST_SKIP() << here.error().message;              \
  }                                                    \
  static_assert(true, "a semicolon follows")

TEST(CpuBackend, TensorFlowLiteIsWhatWasAskedFor) {
  const auto backend = CpuBackend::load(colors(), tflite, {});
  ASSERT_TRUE(backend) << backend.error().message;
  EXPECT_FALSE(backend->report().is_xnnpack);
  EXPECT_EQ(cpu_backend_name(backend->report()), "tflite");
  EXPECT_THAT(backend->report().reason, HasSubstr("asked for"));
  EXPECT_EQ(answer(*backend).size(), 3U);
}

TEST(CpuBackend, XnnpackIsTakenProvenAndAnswersTheSame) {
  GANTRY_NEEDS_XNNPACK();
  for (const auto wanted : {automatic, xnnpack}) {
    const auto backend = CpuBackend::load(colors(), wanted, {});
    ASSERT_TRUE(backend) << backend.error().message;
    const CpuReport& report = backend->report();
    EXPECT_TRUE(report.is_xnnpack);
    EXPECT_EQ(report.reason, "");
    EXPECT_EQ(report.operators, 2U);
    EXPECT_EQ(report.operators_xnnpack, 2U);
    EXPECT_EQ(report.partitions, 1U);
    EXPECT_THAT(report.proof_words, HasSubstr("partition output"));
    const auto got = answer(*backend);
    const auto plain = answer(CpuBackend::create(colors(), tflite).value());
    ASSERT_EQ(got.size(), plain.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(std::to_integer<int>(got[i]), std::to_integer<int>(plain[i]), 1) << i;
    }
    auto session = backend->session({}).value();
    EXPECT_EQ(session->delegated().front().operators.size(), 2U);
  }
}

TEST(CpuBackend, TheProofTellsOnceWhereXnnpackBegins) {
  GANTRY_NEEDS_XNNPACK();
  auto backend = CpuBackend::create(colors(), automatic);
  ASSERT_TRUE(backend) << backend.error().message;
  int calls = 0;
  EXPECT_TRUE(backend->prove([&] { ++calls; }));
  EXPECT_EQ(calls, 1);
}

TEST(CpuBackend, WithoutTheLibraryTensorFlowLiteServesAndSaysWhy) {
  if (xnnpack::available()) {
    GTEST_SKIP() << "XNNPACK is here";
  }
  const auto backend = CpuBackend::load(colors(), automatic, {});
  ASSERT_TRUE(backend) << backend.error().message;
  EXPECT_FALSE(backend->report().is_xnnpack);
  EXPECT_NE(backend->report().reason, "");
  EXPECT_EQ(answer(*backend).size(), 3U);
  EXPECT_FALSE(CpuBackend::load(colors(), xnnpack, {}));
}

TEST(CpuBackend, AModelWithNothingForXnnpackStaysWithTensorFlowLite) {
  const auto backend = CpuBackend::load(identity(), automatic, {});
  ASSERT_TRUE(backend) << backend.error().message;
  EXPECT_FALSE(backend->report().is_xnnpack);
  EXPECT_NE(backend->report().reason, "");
  const auto refused = CpuBackend::load(identity(), xnnpack, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_THAT(refused.error().message, HasSubstr("nothing else is to"));
}

TEST(CpuBackend, WhatATrialFoundCounts) {
  GANTRY_NEEDS_XNNPACK();
  const auto right =
      CpuBackend::load(colors(), automatic, Tried{.is_proven = true, .proof_words = "fine"});
  ASSERT_TRUE(right);
  EXPECT_TRUE(right->report().is_xnnpack);
  EXPECT_EQ(right->report().proof_words, "fine");

  const Tried wrong{.refusal = "XNNPACK failed on the model"};
  const auto without = CpuBackend::load(colors(), automatic, wrong);
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->report().is_xnnpack);
  EXPECT_EQ(without->report().reason, wrong.refusal);
  EXPECT_EQ(without->report().operators_xnnpack, 0U);
  auto session = without->session({}).value();
  EXPECT_TRUE(session->delegated().empty());

  const auto refused = CpuBackend::load(colors(), xnnpack, wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, wrong.refusal);
}

}  // namespace
}  // namespace gantry::backend
