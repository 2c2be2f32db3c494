#include "bench/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::cli {
namespace {

TEST(BenchReport, ComesBackFromItsJson) {
  BenchReport report;
  report.model = "m.tflite";
  report.model_bytes = 1000;
  report.cpu = "CPU";
  report.cores = 2;
  report.tensorflow_lite = "2.14.1";
  report.fed = "random";
  report.threads = 2;
  report.samples_ms = {1.5, 2.5};
  report.invoke_ms = measure::summarise(report.samples_ms);
  report.after = {.resident = 5, .peak = 6};
  const auto back = bench_report_from_json(to_json(report));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->samples_ms, report.samples_ms);
  EXPECT_EQ(back->invoke_ms.average, 2.0);
  EXPECT_EQ(back->after.peak, 6U);
  EXPECT_THAT(differences(report, *back), testing::IsEmpty());
}
TEST(BenchReport, OtherDocumentsAreRefused) {
  for (const char* text : {"", "{}", "[]", "null", R"({"model": {"path": 3}})"}) {
    EXPECT_EQ(bench_report_from_json(text).error().code, Code::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace gantry::cli
