#include "header_value.h"

#include <gtest/gtest.h>

#include "accept.h"

namespace gantry::api {
namespace {

TEST(HeaderValue, HasAValueAndParameters) {
  const auto header = parse_header_value("Text/HTML ; Charset=UTF-8;; q = \"0\\.5\" ;x=a b; ");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->value, "text/html");
  EXPECT_EQ(header->parameter("charset"), "UTF-8");
  EXPECT_EQ(header->parameter("q"), "0.5");
  EXPECT_EQ(header->parameter("x"), "a b");
  EXPECT_EQ(header->parameter("y"), std::nullopt);
}

TEST(HeaderValue, RefusesWhatItCannotRead) {
  std::string many = "a";
  for (int i = 0; i < 17; ++i) {
    many += ";p" + std::to_string(i) + "=1";
  }
  for (const std::string& text :
       {std::string(), std::string(";a=b"), std::string("a;b"), std::string("a;=b"),
        std::string("a;b=\"c"), std::string("a;b=\"c\\"), std::string("a;b=\"c\"d"),
        std::string("a;b=1;B=2"), std::string("a;\"b\"=c"), many}) {
    EXPECT_FALSE(parse_header_value(text)) << text;
  }
}

struct Case {
  const char* name;
  const char* accept;
  bool html;
};
class AcceptTest : public testing::TestWithParam<Case> {};
TEST_P(AcceptTest, ChoosesTheForm) { EXPECT_EQ(prefers_html(GetParam().accept), GetParam().html); }
INSTANTIATE_TEST_SUITE_P(
    Clients, AcceptTest,
    testing::Values(
        Case{"nothing", "", false}, Case{"curl", "*/*", false},
        Case{"json", "application/json", false},
        Case{"browser",
             "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true},
        Case{"html_in_capitals", "TEXT/HTML", true},
        Case{"html_refused", "text/html;q=0, */*", false},
        Case{"json_first", "application/json, text/html;q=0.9", false},
        Case{"html_first", "application/json;q=0.5, text/html", true},
        Case{"text_in_general", "text/*", false},
        Case{"nonsense_before", ";;;, \"text/html\", text/html", true},
        Case{"nonsense", ",,,;q=1,\"", false}, Case{"bad_weight", "text/html;q=much", false}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace gantry::api
