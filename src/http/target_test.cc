#include "target.h"

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

struct Case {
  const char* name;
  const char* target;
  const char* path;   // null: refused
  const char* query;  // "name=value;…"
};

class TargetTest : public testing::TestWithParam<Case> {};

TEST_P(TargetTest, is_taken_apart) {
  const auto parsed = parse_target("GET", GetParam().target);
  ASSERT_EQ(parsed.has_value(), GetParam().path != nullptr);
  if (!parsed) {
    EXPECT_EQ(parsed.error().code, Code::invalid_argument);
    return;
  }
  EXPECT_EQ(parsed->path, GetParam().path);
  std::string query;
  for (const auto& [name, value] : parsed->query) {
    query.append(name).append("=").append(value).append(";");
  }
  EXPECT_EQ(query, GetParam().query);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, TargetTest,
    testing::Values(
        Case{"root", "/", "/", ""}, Case{"path", "/a/b", "/a/b", ""},
        Case{"escape", "/a%2Fb%20c", "/a/b c", ""},
        Case{"plus_in_path_is_plus", "/a+b", "/a+b", ""}, Case{"two_slashes", "//a", "//a", ""},
        Case{"query", "/?a=1&b=2", "/", "a=1;b=2;"},
        Case{"plus_in_query_is_space", "/?a=b+c%2B", "/", "a=b c+;"},
        Case{"name_alone", "/?a", "/", "a=;"}, Case{"no_name", "/?=a", "/", "=a;"},
        Case{"empty_entries", "/?&&a=1&", "/", "a=1;"}, Case{"empty_query", "/a?", "/a", ""},
        Case{"second_question_mark", "/?a=b?c", "/", "a=b?c;"},
        Case{"second_equals", "/?a=b=c", "/", "a=b=c;"},
        Case{"absolute", "http://host:80/a?b=c", "/a", "b=c;"},
        Case{"absolute_tls", "HTTPS://host/a", "/a", ""},
        Case{"absolute_without_path", "http://host", "/", ""},
        Case{"absolute_with_query_alone", "http://host?a=1", "/", "a=1;"},
        Case{"empty", "", nullptr, ""}, Case{"relative", "a", nullptr, ""},
        Case{"star_is_for_options", "*", nullptr, ""},
        Case{"other_scheme", "ftp://host/", nullptr, ""}, Case{"fragment", "/a#b", nullptr, ""},
        Case{"escape_cut_off", "/%4", nullptr, ""}, Case{"escape_of_nothing", "/%", nullptr, ""},
        Case{"escape_not_hex", "/%4x", nullptr, ""}, Case{"nul", "/%00", nullptr, ""},
        Case{"nul_in_query", "/?a=%00", nullptr, ""}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TargetTest, some_methods_have_forms_of_their_own) {
  EXPECT_EQ(parse_target("OPTIONS", "*").value().path, "*");
  EXPECT_EQ(parse_target("CONNECT", "host:443").value().path, "host:443");
}

TEST(RequestIdTest, is_short_and_plain) {
  EXPECT_TRUE(is_request_id("a"));
  EXPECT_TRUE(is_request_id(std::string(128, 'Z')));
  EXPECT_TRUE(is_request_id("550e8400-e29b-41d4_a.7"));
  EXPECT_FALSE(is_request_id(""));
  EXPECT_FALSE(is_request_id(std::string(129, 'Z')));
  EXPECT_FALSE(is_request_id("a b"));
  EXPECT_FALSE(is_request_id("a\n"));
  EXPECT_FALSE(is_request_id("é"));
}

}  // namespace
}  // namespace gantry::http
