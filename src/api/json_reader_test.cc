#include "json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace gantry::api {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

/// The outermost members, strings resolved; an error's message under "error".
using Members = std::vector<std::pair<std::string, std::string>>;
Members read(std::string_view text) {
  Members members;
  const auto result =
      read_json_object(text, [&](std::string_view name, const JsonValue& value) -> Result<> {
        members.emplace_back(name, value.kind == JsonValue::Kind::string ? unescaped(value.text)
                                                                         : value.description());
        return {};
      });
  return result ? members : Members{{"error", result.error().message}};
}

TEST(JsonReader, CallsBackWithEachOutermostMember) {
  EXPECT_EQ(
      read(
          R"( { "a" : 1 , "b":[{"a":2},[]],"c":{"a":{}}, "d":"x","e":null ,"a":-0.5e+1,"f":true} )"),
      (Members{{"a", "1"},
               {"b", "an array"},
               {"c", "an object"},
               {"d", "x"},
               {"e", "null"},
               {"a", "-0.5e+1"},
               {"f", "true"}}));
  EXPECT_EQ(read("{}"), Members());
  EXPECT_EQ(read("\xEF\xBB\xBF{}"), Members());
}

TEST(JsonReader, ResolvesEscapes) {
  EXPECT_EQ(read(R"({"\u0061\/\"\\":"\b\f\n\r\t\u0000 \u00e9\u732B\uD83D\uDC08 é猫🐈"})"),
            (Members{{"a/\"\\", std::string("\b\f\n\r\t\0 é猫🐈 é猫🐈"sv)}}));
}

TEST(JsonReader, StopsWhereAMemberIsRefused) {
  int calls = 0;
  const auto result =
      read_json_object(R"({"a":1,"b":2,)", [&](std::string_view, const JsonValue&) -> Result<> {
        ++calls;
        return fail(Code::not_found, "enough");
      });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "enough");
  EXPECT_EQ(calls, 1);
}

TEST(JsonReader, NestsSixtyFourDeepAndNoDeeper) {
  const auto nested = [](int depth) {
    return "{\"x\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
           std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
  };
  EXPECT_EQ(read(nested(64)), (Members{{"x", "an array"}}));
  EXPECT_THAT(read(nested(65)).front().second, HasSubstr("nested deeper than 64 at byte 68"));
}

TEST(JsonReader, NamesTheByteWantedAndFound) {
  EXPECT_EQ(read(R"({"a" 1})").front().second, "not JSON at byte 5: want a colon, found \"1\"");
  EXPECT_EQ(read(R"({"a":1)").front().second,
            "not JSON at byte 6: want a comma or \"}\", found the end");
  EXPECT_EQ(read(R"({"a":"\x"})").front().second,
            "not JSON at byte 7: want an escape, found \"x\"");
}

/// Values on the edge of JSON: ours has to take those that another reader takes, and no others.
class JsonReaderEdge : public testing::TestWithParam<std::string_view> {};
TEST_P(JsonReaderEdge, AgreesWithAnotherReader) {
  for (const auto* form :
       {"{{\"x\":{}}}", "{{\"x\":[{}]}}", "{{\"x\":{},\"y\":0}}", "{{\"{}\":0}}", "{}", "{{{}}}"}) {
    const auto text = std::vformat(form, std::make_format_args(GetParam()));
    const auto other = nlohmann::json::parse(text, nullptr, false);
    const auto ours = read(text);
    const bool is_refused = !ours.empty() && ours.front().first == "error";
    EXPECT_EQ(!is_refused, other.is_object()) << text << (is_refused ? ours.front().second : "");
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, JsonReaderEdge,
    testing::Values(
        // Numbers
        "0", "-0", "-", "+1", "01", "-01", "1.", ".5", "1.5", "1.5e", "1e5", "1E+5", "1e-", "1e+",
        "1e1.5", "0x1", "1_0", "Infinity", "NaN", "-Infinity", "1 2", "- 1",
        "1e400000"sv.substr(0, 4), "123456789012345678901234567890", "0e0", "\uFF11",
        // Words
        "null", "true", "false", "nul", "nulll", "True", "nil", "undefined", "truefalse",
        "null null",
        // Strings
        R"("")", R"("a)", R"(a")", R"('a')", R"("\")", R"("\\")", R"("\a")", R"("\u")", R"("\u12")",
        R"("\u123g")", R"("\u1234")", R"("\U0041")", R"("\ud800")", R"("\ud800x")", R"("\ud800\n")",
        R"("\ud800\u0041")", R"("\ud800\ud800")", R"("\ud800\udc00")", R"("\udc00")",
        R"("\udbff\udfff")", "\"\t\"", "\"\n\"", "\"\0\""sv, "\"\x7F\"", "\"\x80\"", "\"\xC3\xA9\"",
        "\"\xC3\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x8F\xBF\xBF\"",
        "\"\xF4\x90\x80\x80\"", "\"\xEF\xBF\xBF\"", "\"a\" \"b\"",
        // Containers
        "[]", "[ ]", "[1]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[", "]", "[}", "{]", "[[]", "[]]",
        "{}", "{ }", R"({"a":1})", R"({"a":1,})", R"({,})", R"({"a"})", R"({"a":})", R"({:1})",
        R"({a:1})", R"({1:1})", R"({"a":1 "b":2})", R"({"a"::1})", R"({"a":1}})",
        R"({"a":1,"a":2})", R"({null:1})", R"({"a":[})",
        // What lies between
        "", " ", "\t\r\n1", "\v1", "\f1", "\u00A01", "1\0"sv,
        "\xEF\xBB\xBF"
        "1",
        "/**/1", "1//", "#1", ",", ":", "1,", "\"a\":1"));

}  // namespace
}  // namespace gantry::api
