#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "annotate.h"
#include "bench_report.h"
#include "machine.h"
#include "npy.h"
#include "options.h"
#include "output_path.h"
#include "parse.h"
#include "statistics.h"
#include "terminal.h"
#include "trial.h"

namespace gantry::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

// ---- parse.h

struct SizeCase {
  std::string name;
  std::string text;
  std::optional<std::uint64_t> bytes;
};
class SizeTest : public testing::TestWithParam<SizeCase> {};
TEST_P(SizeTest, Parses) {
  const auto size = parse_size(GetParam().text);
  EXPECT_EQ(size ? std::optional(*size) : std::nullopt, GetParam().bytes);
  if (!size) {
    EXPECT_THAT(size.error().message, HasSubstr("32M"));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Edges, SizeTest,
    testing::Values(SizeCase{"a_bare_number_is_bytes", "500", 500}, SizeCase{"zero", "0", 0},
                    SizeCase{"k_is_1024", "64K", 65536},
                    SizeCase{"case_does_not_matter", "64k", 65536},
                    SizeCase{"mb_is_binary_too", "32MB", 33554432},
                    SizeCase{"mib", "32MiB", 33554432},
                    SizeCase{"a_blank_before_the_unit", "32 M", 33554432},
                    SizeCase{"fractions", "1.5K", 1536}, SizeCase{"gigabytes", "2G", 2147483648},
                    SizeCase{"empty", "", {}}, SizeCase{"only_a_unit", "M", {}},
                    SizeCase{"negative", "-1", {}}, SizeCase{"two_units", "1KM", {}},
                    SizeCase{"unknown_unit", "5X", {}}, SizeCase{"hexadecimal", "0x10", {}},
                    SizeCase{"words", "big", {}}, SizeCase{"two_points", "1.2.3", {}},
                    SizeCase{"too_large", "99999999999G", {}}, SizeCase{"not_a_number", "nan", {}}),
    [](const auto& test) { return test.param.name; });

struct DurationCase {
  std::string name;
  std::string text;
  std::optional<std::chrono::nanoseconds> time;
};
class DurationTest : public testing::TestWithParam<DurationCase> {};
TEST_P(DurationTest, Parses) {
  const auto time = parse_duration(GetParam().text);
  EXPECT_EQ(time ? std::optional(*time) : std::nullopt, GetParam().time);
}
INSTANTIATE_TEST_SUITE_P(
    Edges, DurationTest,
    testing::Values(DurationCase{"seconds", "10s", 10s},
                    DurationCase{"a_bare_number_is_seconds", "3", 3s},
                    DurationCase{"milliseconds", "500ms", 500ms},
                    DurationCase{"microseconds", "250us", 250us},
                    DurationCase{"minutes", "2m", 2min}, DurationCase{"hours", "1h", 1h},
                    DurationCase{"fractions", "1.5s", 1500ms}, DurationCase{"zero", "0", 0s},
                    DurationCase{"empty", "", {}}, DurationCase{"negative", "-1s", {}},
                    DurationCase{"unknown_unit", "3 fortnights", {}},
                    DurationCase{"more_than_a_year", "9000h", {}}),
    [](const auto& test) { return test.param.name; });

struct ListenCase {
  std::string name;
  std::string text;
  std::optional<ListenAddress> where;
};
class ListenTest : public testing::TestWithParam<ListenCase> {};
TEST_P(ListenTest, Parses) {
  const auto where = parse_listen_address(GetParam().text);
  EXPECT_EQ(where ? std::optional(*where) : std::nullopt, GetParam().where);
  if (!where) {
    EXPECT_THAT(where.error().message, HasSubstr("127.0.0.1:8080"));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Edges, ListenTest,
    testing::Values(ListenCase{"ipv4", "127.0.0.1:8080", ListenAddress{"127.0.0.1", 8080}},
                    ListenCase{"ipv6_in_brackets", "[::1]:8080", ListenAddress{"::1", 8080}},
                    ListenCase{"every_ipv6_address", "[::]:80", ListenAddress{"::", 80}},
                    ListenCase{"no_address_is_every_one", ":8080", ListenAddress{"0.0.0.0", 8080}},
                    ListenCase{"star_is_every_one", "*:8080", ListenAddress{"0.0.0.0", 8080}},
                    ListenCase{"localhost", "localhost:1", ListenAddress{"127.0.0.1", 1}},
                    ListenCase{"port_0_is_any", "127.0.0.1:0", ListenAddress{"127.0.0.1", 0}},
                    ListenCase{"no_port", "127.0.0.1", {}},
                    ListenCase{"empty_port", "127.0.0.1:", {}},
                    ListenCase{"port_too_large", "127.0.0.1:65536", {}},
                    ListenCase{"ipv6_without_brackets", "::1:80", {}},
                    ListenCase{"names_are_not_looked_up", "example.org:80", {}},
                    ListenCase{"ipv4_in_brackets", "[127.0.0.1]:80", {}},
                    ListenCase{"open_bracket", "[::1:80", {}}, ListenCase{"empty", "", {}}),
    [](const auto& test) { return test.param.name; });

TEST(UrlOf, NamesWhatAPersonTypes) {
  EXPECT_EQ(url_of({"127.0.0.1", 8080}), "http://127.0.0.1:8080");
  EXPECT_EQ(url_of({"::1", 80}), "http://[::1]:80");
  EXPECT_EQ(url_of({"0.0.0.0", 80}), "http://localhost:80");
  EXPECT_EQ(url_of({"::", 80}), "http://localhost:80");
}

TEST(ParseLists, TakeNumbersWithCommasBetween) {
  EXPECT_THAT(*parse_int_list("1,2, 3", 1, 8), ElementsAre(1, 2, 3));
  EXPECT_THAT(*parse_int_list("4", 1, 8), ElementsAre(4));
  EXPECT_FALSE(parse_int_list("1,,2", 1, 8));
  EXPECT_FALSE(parse_int_list("1,9", 1, 8));
  EXPECT_FALSE(parse_int_list("", 1, 8));
  EXPECT_THAT(*parse_float_list("123.7,116.3,103.5"), ElementsAre(123.7F, 116.3F, 103.5F));
  EXPECT_THAT(*parse_float_list("-1"), ElementsAre(-1.0F));
  EXPECT_FALSE(parse_float_list("a,b"));
  EXPECT_FALSE(parse_float_list("1e300"));
}

TEST(ParseCount, IsDecimal) {
  EXPECT_EQ(*parse_count("50M"), 50'000'000);
  EXPECT_EQ(*parse_count("64"), 64);
  EXPECT_FALSE(parse_count("many"));
}

// ---- options.h

/// Arguments as main() gets them.
class Arguments {
 public:
  Arguments(std::initializer_list<std::string> words) : words_(words) {
    for (std::string& word : words_) {
      pointers_.push_back(word.data());
    }
  }
  [[nodiscard]] std::span<char* const> get() const { return pointers_; }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

class OptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    options.integer("slots", slots, 1, 8, "slots");
    options.flag("no-trial", no_trial, "flag");
    options.size("max-body", max_body, "size");
    options.positionals("IMAGE...", images, "images");
  }
  void TearDown() override {
    unsetenv("GANTRY_SLOTS");
    unsetenv("GANTRY_NO_TRIAL");
    unsetenv("GANTRY_MAX_BODY");
    unsetenv("GANTRY_CONFIG");
    std::filesystem::remove(config);
  }
  void write_config(const std::string& text) const { std::ofstream(config) << text; }

  std::filesystem::path config =
      std::filesystem::path(testing::TempDir()) /
      (std::string("gantry-") + testing::UnitTest::GetInstance()->current_test_info()->name() +
       ".toml");
  int slots = 1;
  bool no_trial = false;
  std::size_t max_body = 0;
  std::vector<std::string> images;
  Options options{"serve", "summary", "  gantry serve --slots 2"};
};

TEST_F(OptionsTest, TheCommandLineWinsOverTheEnvironmentAndThatOverTheFile) {
  write_config(
      "[serve]\nslots = 2\nmax-body = \"2K\"\nno_trial = true\n[run]\nslots = 7\nunknown = 1\n");
  setenv("GANTRY_SLOTS", "3", 1);
  setenv("GANTRY_CONFIG", config.c_str(), 1);
  EXPECT_EQ(options.parse(Arguments{"--slots", "4", "a.jpg"}.get()), std::nullopt);
  EXPECT_EQ(slots, 4);
  EXPECT_EQ(max_body, 2048U);
  EXPECT_TRUE(no_trial);
  EXPECT_THAT(images, ElementsAre("a.jpg"));
}

TEST_F(OptionsTest, TheEnvironmentWinsOverTheFile) {
  write_config("[serve]\nslots = 2\nno-trial = true\n");
  setenv("GANTRY_SLOTS", "3", 1);
  setenv("GANTRY_NO_TRIAL", "false", 1);
  EXPECT_EQ(options.parse(Arguments{"--config", config}.get()), std::nullopt);
  EXPECT_EQ(slots, 3);
  EXPECT_FALSE(no_trial);
}

TEST_F(OptionsTest, TheFileCountsWhereNothingElseSaysAnything) {
  write_config("[serve]\nslots = 2\n");
  EXPECT_EQ(options.parse(Arguments{"--config", config}.get()), std::nullopt);
  EXPECT_EQ(slots, 2);
}

TEST_F(OptionsTest, TheLastOfTwoFlagsCounts) {
  EXPECT_EQ(options.parse(Arguments{"--slots", "2", "--slots=5"}.get()), std::nullopt);
  EXPECT_EQ(slots, 5);
}

TEST_F(OptionsTest, AFlagMayBeTakenBack) {
  setenv("GANTRY_NO_TRIAL", "1", 1);
  EXPECT_EQ(options.parse(Arguments{"--no-trial=false"}.get()), std::nullopt);
  EXPECT_FALSE(no_trial);
}

TEST_F(OptionsTest, AMistakeNamesItsSourceTheWantedAndTheFound) {
  setenv("GANTRY_SLOTS", "many", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse({}), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr(R"(GANTRY_SLOTS: want a whole number from 1 to 8, got "many")"));
}

TEST_F(OptionsTest, AnUnknownFlagIsAnsweredWithASimilarOne) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--slot=3"}.get()), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("did you mean --slots?"));
}

TEST_F(OptionsTest, AnUnknownEntryOfTheFileIsAMistake) {
  write_config("[serve]\nslotz = 2\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--config", config}.get()), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("did you mean slots?"));
}

TEST_F(OptionsTest, AnEntryOutsideASectionIsAMistake) {
  write_config("slots = 2\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--config", config}.get()), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("[serve]"));
}

TEST_F(OptionsTest, AMissingFileIsAMistake) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--config", "/nowhere/gantry.toml"}.get()), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("/nowhere/gantry.toml"));
}

TEST_F(OptionsTest, HelpEndsWithTheExamples) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(options.parse(Arguments{"--help"}.get()), Exit::good);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, HasSubstr("--max-body SIZE"));
  EXPECT_THAT(text, testing::EndsWith("Examples:\n  gantry serve --slots 2\n"));
}

// ---- npy.h

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Npy, HeaderIsVersion1AndTheDataBeginsAtAMultipleOf64) {
  const std::array data = {std::byte{1}, std::byte{2}, std::byte{3},
                           std::byte{4}, std::byte{5}, std::byte{6}};
  const std::string file = as_text(*npy_file(DType::uint8, {1, 2, 3}, data));
  EXPECT_EQ(file.size(), 128 + data.size());
  EXPECT_EQ(file.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(
      file.substr(10, 118),
      testing::StartsWith("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }"));
  EXPECT_EQ(file[127], '\n');
  EXPECT_EQ(file.substr(128), std::string("\1\2\3\4\5\6"));
}

TEST(Npy, ShapesAreTuples) {
  const std::array<std::byte, 8> data{};
  EXPECT_THAT(as_text(*npy_file(DType::float32, {2}, data)), HasSubstr("'<f4'"));
  EXPECT_THAT(as_text(*npy_file(DType::float32, {2}, data)), HasSubstr("(2,)"));
  EXPECT_THAT(as_text(*npy_file(DType::int64, {}, data)), HasSubstr("'shape': ()"));
}

TEST(Npy, RefusesWhatDoesNotFit) {
  const std::array<std::byte, 8> data{};
  EXPECT_EQ(npy_file(DType::float32, {3}, data).error().code, Code::invalid_argument);
  EXPECT_EQ(npy_file(DType::string, {1}, data).error().code, Code::unimplemented);
  EXPECT_EQ(npy_file(DType::uint8, {-1}, data).error().code, Code::invalid_argument);
}

// ---- output_path.h

TEST(OutputPath, OneInputGoesWhereTheUserSaid) {
  EXPECT_EQ(output_path("a/o.png", "cat.jpg", 0, 1, ".png"), "a/o.png");
}
TEST(OutputPath, SeveralInputsAreNumbered) {
  EXPECT_EQ(output_path("a/o.png", "cat.jpg", 0, 2, ".png"), "a/o-1.png");
  EXPECT_EQ(output_path("o.png", "dog.jpg", 1, 2, ".png"), "o-2.png");
}
TEST(OutputPath, AFolderGetsFilesNamedAfterTheInputs) {
  EXPECT_EQ(output_path("boxes/", "photos/cat.jpg", 0, 1, ".png"), "boxes/cat.png");
  EXPECT_EQ(output_path("boxes/", "photos/cat.jpg", 2, 3, ".png"), "boxes/3-cat.png");
  EXPECT_EQ(output_path("boxes/", "-", 0, 1, ".npy"), "boxes/stdin.npy");
}

// ---- statistics.h

TEST(Summarise, IsWhatNumpySays) {
  // numpy.percentile([4, 1, 3, 2, 10], [50, 90, 95, 99]) and numpy.std(…, ddof=1)
  const std::array<double, 5> samples = {4, 1, 3, 2, 10};
  const Summary s = summarise(samples);
  EXPECT_EQ(s.count, 5U);
  EXPECT_DOUBLE_EQ(s.average, 4);
  EXPECT_NEAR(s.deviation, 3.5355339, 1e-6);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.max, 10);
  EXPECT_DOUBLE_EQ(s.p50, 3);
  EXPECT_NEAR(s.p90, 7.6, 1e-9);
  EXPECT_NEAR(s.p95, 8.8, 1e-9);
  EXPECT_NEAR(s.p99, 9.76, 1e-9);
}
TEST(Summarise, OneSampleHasNoSpread) {
  const std::array<double, 1> samples = {4};
  EXPECT_EQ(summarise(samples).deviation, 0);
  EXPECT_EQ(summarise(samples).p99, 4);
  EXPECT_EQ(summarise({}).count, 0U);
}

Summary spread(double average, double deviation, std::size_t count = 10) {
  return {.count = count, .average = average, .deviation = deviation};
}
TEST(Compare, AChangeBeyondTheSpreadIsClaimed) {
  EXPECT_EQ(compare(spread(10, 0.2), spread(11, 0.2)).change, Change::slower);
  EXPECT_EQ(compare(spread(10, 0.2), spread(9, 0.2)).change, Change::faster);
}
TEST(Compare, AChangeWithinTheSpreadIsNot) {
  EXPECT_EQ(compare(spread(10, 3), spread(11, 3)).change, Change::none);
  EXPECT_EQ(compare(spread(10, 3), spread(9, 3)).change, Change::none);
}
TEST(Compare, LessThanTwoPercentIsNeverClaimed) {
  EXPECT_EQ(compare(spread(10, 0), spread(10.1, 0)).change, Change::none);
}
TEST(Compare, OneRunProvesNothing) {
  EXPECT_EQ(compare(spread(10, 0, 1), spread(20, 0, 1)).change, Change::none);
}
TEST(Compare, TheIntervalIsWelchs) {
  // scipy.stats.t.ppf(0.975, 18) = 2.1009; both averages have a standard error of 0.2 / sqrt(10).
  const Comparison c = compare(spread(10, 0.2), spread(10, 0.2));
  EXPECT_NEAR(c.high - 1, 2.1009 * 0.2 / std::sqrt(10) * std::sqrt(2) / 10, 2e-4);
}
TEST(AgainstPlan, NamesTheSide) {
  EXPECT_THAT(against_plan(15.9), testing::StartsWith("faster"));
  EXPECT_THAT(against_plan(16), testing::StartsWith("within"));
  EXPECT_THAT(against_plan(21), testing::StartsWith("within"));
  EXPECT_THAT(against_plan(21.1), testing::StartsWith("slower"));
}

// ---- bench_report.h

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
  report.invoke_ms = summarise(report.samples_ms);
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

// ---- terminal.h

TEST(Printable, KeepsTextAndTakesControlAway) {
  EXPECT_EQ(printable("Käse 🧀"), "Käse 🧀");
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a?[31mb?");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");                            // CSI as one character
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // a surrogate
}
TEST(Table, CellsStandBelowEachOther) {
  Table table({Table::Align::right, Table::Align::left});
  table.row({"1.5", "ä"});
  table.row({"10.25", "bb"});
  EXPECT_EQ(table.text(), "    1.5  ä\n  10.25  bb\n");
}
TEST(Bar, FillsByEighths) {
  EXPECT_EQ(bar(0, 4), "    ");
  EXPECT_EQ(bar(1, 4), "████");
  EXPECT_EQ(bar(0.5, 4), "██  ");
  EXPECT_EQ(bar(0.03125, 4), "▏   ");
  EXPECT_EQ(columns(bar(0.333, 20)), 20U);
  EXPECT_EQ(bar(NAN, 2), "  ");
}

// ---- machine.h

TEST(Machine, ReadsAMadeUpRoot) {
  const std::filesystem::path root =
      std::filesystem::path(testing::TempDir()) / "gantry-machine-root";
  std::filesystem::create_directories(root / "dev/accel");
  std::filesystem::create_directories(root / "proc");
  EXPECT_EQ(accel_node(root), "");
  EXPECT_EQ(cpu_name(root), "unknown CPU");
  std::ofstream(root / "dev/accel/accel1").close();
  std::ofstream(root / "dev/accel/accel0").close();
  std::ofstream(root / "proc/cpuinfo") << "processor\t: 0\nmodel name\t: Some CPU @ 1 GHz\n";
  EXPECT_EQ(accel_node(root), "/dev/accel/accel0");
  EXPECT_EQ(cpu_name(root), "Some CPU @ 1 GHz");
  std::filesystem::remove_all(root);
}
TEST(Machine, ThisProcessHasMemory) {
  EXPECT_GT(memory_of_this_process().resident, 0U);
  EXPECT_GE(memory_of_this_process().peak, memory_of_this_process().resident / 2);
}

// ---- trial.h

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

// ---- annotate.h

TEST(Annotate, BoxesPartlyOutsideStayInsideThePicture) {
  image::Image picture{.width = 20, .height = 10, .rgb = std::vector<std::uint8_t>(600, 128)};
  inference::Response response;
  response.predictions.push_back(
      {.class_id = -3,
       .label = "a label that is much longer than the picture is wide",
       .probability = 0.5,
       .box = inference::Box{.x_min = -5, .y_min = -5, .x_max = 100, .y_max = 100}});
  response.predictions.push_back({.class_id = 7, .label = "naïve", .probability = 1, .box = {}});
  annotate(picture, response);  // the sanitizers watch the borders
  EXPECT_EQ(picture.rgb.size(), 600U);
}
TEST(Annotate, TextTakesOnePlaceACodePoint) {
  EXPECT_EQ(text_size("äb", 2).width, text_size("ab", 2).width);
  EXPECT_EQ(text_size("", 3).width, 0);
}

}  // namespace
}  // namespace gantry::cli
