#include "gantry/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace gantry::log {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

std::string logged(Format format, std::string_view message, std::initializer_list<Field> fields) {
  configure(Level::info, format);
  CaptureStderr();
  info(message, fields);
  return GetCapturedStderr();
}

TEST(Log, JsonIsOneObjectALine) {
  const std::string line = logged(
      Format::json, "request", {{"path", "/a\"b\n"}, {"status", 200}, {"ms", 1.5}, {"ok", true}});
  EXPECT_THAT(line,
              ContainsRegex(R"(^\{"time":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z",)"));
  EXPECT_THAT(line, EndsWith(R"("level":"info","message":"request","path":"/a\"b\u000a",)"
                             R"("status":200,"ms":1.5,"ok":true})"
                             "\n"));
}

TEST(Log, InvalidUtf8IsReplacedInJson) {
  const std::string line = logged(Format::json, "m", {{"x", "a\xFF"}});
  EXPECT_THAT(line, testing::HasSubstr("a\uFFFD"));
  EXPECT_THAT(line, testing::Not(testing::HasSubstr("\xFF")));
}

TEST(Log, TextQuotesWhatCouldBeMisread) {
  EXPECT_THAT(logged(Format::text, "request", {{"a", "plain"}, {"b", "two words"}, {"c", ""}}),
              EndsWith("info    request a=plain b=\"two words\" c=\"\"\n"));
}

TEST(LogLevels, WhatIsBelowTheLevelIsNotWritten) {
  configure(Level::error, Format::json);
  CaptureStderr();
  warning("quiet");
  EXPECT_EQ(GetCapturedStderr(), "");
  EXPECT_FALSE(enabled(Level::info));
  EXPECT_TRUE(enabled(Level::error));
  EXPECT_FALSE(enabled(Level::off));
}

TEST(LogLevels, AreParsedByName) {
  EXPECT_EQ(parse_level("warning").value(), Level::warning);
  EXPECT_EQ(parse_level("loud").error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace gantry::log
