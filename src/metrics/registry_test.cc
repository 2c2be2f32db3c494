#include "gantry/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace gantry::metrics {
namespace {

using testing::HasSubstr;

TEST(Registry, TheSameNameAndLabelsAreTheSameMetric) {
  Registry registry;
  registry.counter("a_total", "A.", {{"x", "1"}}).add();
  registry.counter("a_total", "A.", {{"x", "1"}}).add(2);
  registry.counter("a_total", "A.", {{"x", "2"}}).add();
  EXPECT_EQ(registry.counter("a_total", "A.", {{"x", "1"}}).value(), 3);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("a_total{x=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("a_total{x=\"2\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE a_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# HELP a_total A.\n"));
}

TEST(Registry, AHistogramCountsIntoItsBuckets) {
  Registry registry;
  auto& histogram = registry.histogram("d_seconds", "D.", {}, {0.1, 1.0});
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_count 3\n"));
}

TEST(Registry, UpdatesRunBeforeExpose) {
  Registry registry;
  auto& gauge = registry.gauge("g", "G.");
  registry.on_expose([&] { gauge.set(7); });
  EXPECT_THAT(registry.expose(), HasSubstr("g 7\n"));
}

TEST(Registry, LabelValuesAreEscaped) {
  Registry registry;
  registry.gauge("g", "G.", {{"x", "a\"b\\c\nd"}}).set(1);
  EXPECT_THAT(registry.expose(), HasSubstr(R"(g{x="a\"b\\c\nd"} 1)"));
}

TEST(Registry, ThreadsMayShareIt) {
  Registry registry;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 1000; ++k) {
          registry.counter("a_total", "A.").add();
        }
      });
    }
  }
  EXPECT_EQ(registry.counter("a_total", "A.").value(), 4000);
}

TEST(Registry, PromtoolHasNothingToSay) {
  const std::string promtool = GANTRY_PROMTOOL;
  if (promtool.empty()) {
    GTEST_SKIP() << "needs promtool, of Debian's package prometheus";
  }
  Registry registry;
  registry.counter("a_total", "A.", {{"x", "a\"b"}}).add();
  registry.gauge("g_bytes", "G.").set(-1.5);
  registry.histogram("d_seconds", "D.", {{"phase", "decode"}}).observe(0.01);
  const std::string text = registry.expose();
  // Not for threads: the only test that runs a program.
  FILE* pipe = popen((promtool + " check metrics").c_str(),
                     "w");  // NOLINT(cert-env33-c): the path is CMake's
  ASSERT_NE(pipe, nullptr);
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), pipe), text.size());
  EXPECT_EQ(pclose(pipe), 0);
}

TEST(DurationBuckets, AreInOrder) { EXPECT_TRUE(std::ranges::is_sorted(duration_buckets())); }

}  // namespace
}  // namespace gantry::metrics
