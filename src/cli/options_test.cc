#include "gantry/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace gantry::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(OptionsTest, AFolderIsNoConfigFile) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--config", testing::TempDir()}.get()), Exit::usage);
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      HasSubstr("--config: " + testing::TempDir() + ": want a regular file, found a directory"));
}

TEST_F(OptionsTest, AFifoIsNoConfigFileAndIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(config.c_str(), 0600), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(options.parse(Arguments{"--config", config}.get()), Exit::usage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr(config.string() + ": want a regular file"));
}

TEST_F(OptionsTest, HelpEndsWithTheExamples) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(options.parse(Arguments{"--help"}.get()), Exit::good);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, HasSubstr("--max-body SIZE"));
  EXPECT_THAT(text, testing::EndsWith("Examples:\n  gantry serve --slots 2\n"));
}

}  // namespace
}  // namespace gantry::cli
