#include "gantry/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace gantry::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

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
  const Update update = registry.on_expose([&] { gauge.set(7); });
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

/// The value of a series in an exposition; −1 if it is not there.
double value_of(const std::string& text, const std::string& series) {
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

TEST(Scope, GaugesGoWithIt) {
  Registry registry;
  registry.gauge("kept", "K.").set(1);
  {
    Scope scope(registry);
    scope.gauge("g", "G.", {{"model", "a"}}).set(1);
    EXPECT_THAT(registry.expose(), HasSubstr("g{model=\"a\"} 1\n"));
  }
  const std::string text = registry.expose();
  EXPECT_THAT(text, Not(HasSubstr("g{"))) << "nor an empty family";
  EXPECT_THAT(text, Not(HasSubstr("HELP g ")));
  EXPECT_THAT(text, HasSubstr("kept 1\n"));
}

TEST(Scope, WhatCountsIsExposedOnceMore) {
  Registry registry;
  {
    Scope scope(registry);
    scope.counter("a_total", "A.").add(3);
    scope.histogram("d_seconds", "D.").observe(1);
  }
  const std::string last = registry.expose();
  EXPECT_THAT(last, HasSubstr("a_total 3\n"));
  EXPECT_THAT(last, HasSubstr("d_seconds_count 1\n"));
  EXPECT_EQ(registry.expose(), "");
}

TEST(Scope, WhoComesBackBeforeThatCountsOn) {
  Registry registry;
  std::make_unique<Scope>(registry)->counter("a_total", "A.").add(3);
  Scope again(registry);
  again.counter("a_total", "A.").add();
  EXPECT_EQ(registry.expose(), registry.expose());
  EXPECT_THAT(registry.expose(), HasSubstr("a_total 4\n"));
}

TEST(Scope, WhoComesBackAfterThatBeginsAnew) {
  Registry registry;
  std::make_unique<Scope>(registry)->counter("a_total", "A.").add(3);
  static_cast<void>(registry.expose());
  Scope again(registry);
  again.counter("a_total", "A.").add();
  EXPECT_THAT(registry.expose(), HasSubstr("a_total 1\n"));
}

TEST(Scope, TheLastOneOfSeveralTakesItAway) {
  Registry registry;
  auto first = std::make_unique<Scope>(registry);
  auto second = std::make_unique<Scope>(registry);
  first->gauge("g", "G.").set(1);
  first->gauge("g", "G.").set(1);  // twice by one scope is one use
  second->gauge("g", "G.").add(1);
  first.reset();
  EXPECT_THAT(registry.expose(), HasSubstr("g 2\n"));
  second.reset();
  EXPECT_EQ(registry.expose(), "");
}

TEST(Scope, WhatTheRegistryWasAskedForStays) {
  Registry registry;
  {
    Scope scope(registry);
    scope.counter("a_total", "A.").add();
    registry.counter("a_total", "A.").add();
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(registry.expose(), HasSubstr("a_total 2\n"));
  }
}

TEST(Scope, SeriesOfAFamilyGoOneByOne) {
  Registry registry;
  Scope one(registry);
  one.gauge("g", "G.", {{"model", "one"}}).set(1);
  {
    Scope two(registry);
    two.gauge("g", "G.", {{"model", "two"}}).set(2);
  }
  const std::string text = registry.expose();
  EXPECT_EQ(value_of(text, R"(g{model="one"})"), 1);
  EXPECT_EQ(value_of(text, R"(g{model="two"})"), -1);
}

TEST(Scope, WithoutScrapesWhatIsGoneIsBounded) {
  Registry registry;
  for (int i = 0; i < 10'000; ++i) {
    Scope scope(registry);
    scope.counter("a_total", "A.", {{"version", std::to_string(i)}}).add();
  }
  const std::string text = registry.expose();
  EXPECT_EQ(value_of(text, R"(a_total{version="9999"})"), 1);
  EXPECT_EQ(value_of(text, R"(a_total{version="0"})"), -1);
  EXPECT_LT(std::ranges::count(text, '\n'), 5000);
}

TEST(Scope, MayComeAndGoWhileOthersScrape) {
  Registry registry;
  std::atomic<bool> done = false;
  std::vector<std::jthread> scrapers;
  for (int i = 0; i < 2; ++i) {
    scrapers.emplace_back([&] {
      while (!done) {
        static_cast<void>(registry.expose());
      }
    });
  }
  std::vector<std::jthread> owners;
  for (int i = 0; i < 2; ++i) {
    owners.emplace_back([&] {
      for (int k = 0; k < 500; ++k) {
        Scope scope(registry);
        Gauge& gauge = scope.gauge("h", "H.", {{"k", std::to_string(k % 3)}});
        scope.counter("a_total", "A.", {{"k", std::to_string(k % 3)}}).add();
        const Update update = registry.on_expose([&] { gauge.set(1); });
        scope.histogram("d_seconds", "D.").observe(0.1);
      }
    });
  }
  owners.clear();
  done = true;
  scrapers.clear();
  static_cast<void>(registry.expose());
  EXPECT_EQ(registry.expose(), "");
}

TEST(Update, EndsWithItsOwner) {
  Registry registry;
  int runs = 0;
  {
    const Update update = registry.on_expose([&] { ++runs; });
    static_cast<void>(registry.expose());
  }
  static_cast<void>(registry.expose());
  EXPECT_EQ(runs, 1);
}

TEST(Update, LetsGoOfWhatItHoldsAtItsEnd) {
  Registry registry;
  auto held = std::make_shared<int>(1);
  Update update = registry.on_expose([held] { static_cast<void>(held); });
  EXPECT_EQ(held.use_count(), 2);
  update = {};
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Update, AnotherOneTakesItsPlace) {
  Registry registry;
  std::string ran;
  Update update = registry.on_expose([&] { ran += 'a'; });
  update = registry.on_expose([&] { ran += 'b'; });
  static_cast<void>(registry.expose());
  const Update moved = std::move(update);
  static_cast<void>(registry.expose());
  EXPECT_EQ(ran, "bb");
}

TEST(Update, ItsEndWaitsForARunUnderWay) {
  Registry registry;
  std::latch runs(1);
  std::latch go_on(1);
  std::atomic<bool> is_over = false;
  Update update = registry.on_expose([&] {
    runs.count_down();
    go_on.wait();
    is_over = true;
  });
  std::jthread scraper([&] { static_cast<void>(registry.expose()); });
  runs.wait();
  std::jthread opener([&] { go_on.count_down(); });
  update = {};
  EXPECT_TRUE(is_over);
}

TEST(Update, NeverRunsTwiceAtATime) {
  Registry registry;
  std::atomic<int> inside = 0;
  int plain = 0;  // a race here is one for ThreadSanitizer, too
  const Update update = registry.on_expose([&] {
    EXPECT_EQ(++inside, 1);
    std::this_thread::yield();  // to another scrape
    ++plain;
    --inside;
  });
  {
    std::vector<std::jthread> scrapers;
    for (int i = 0; i < 4; ++i) {
      scrapers.emplace_back([&] {
        for (int k = 0; k < 250; ++k) {
          static_cast<void>(registry.expose());
        }
      });
    }
  }
  EXPECT_EQ(plain, 1000);
}

TEST(Update, MayOutliveTheRegistry) {
  Update update;
  {
    Registry registry;
    update = registry.on_expose([] {});
  }
}

TEST(Registry, PromtoolHasNothingToSay) {
  // NOLINTBEGIN(cert-env33-c,concurrency-mt-unsafe): a fixed name, and the only test that runs a
  // program.
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "needs promtool, of Debian's package of that name";
  }
  Registry registry;
  registry.counter("a_total", "A.", {{"x", "a\"b"}}).add();
  registry.gauge("g_bytes", "G.").set(-1.5);
  registry.histogram("d_seconds", "D.", {{"phase", "decode"}}).observe(0.01);
  {
    Scope gone(registry);  // the last of its counters, and nothing of its gauges
    gone.counter("b_total", "B.", {{"x", "1"}}).add();
    gone.gauge("h", "H.").set(1);
  }
  const std::string text = registry.expose();
  FILE* pipe = popen("promtool check metrics", "w");
  // NOLINTEND(cert-env33-c,concurrency-mt-unsafe)
  ASSERT_NE(pipe, nullptr);
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), pipe), text.size());
  EXPECT_EQ(pclose(pipe), 0);
}

TEST(DurationBuckets, AreInOrder) { EXPECT_TRUE(std::ranges::is_sorted(duration_buckets())); }

}  // namespace
}  // namespace gantry::metrics
