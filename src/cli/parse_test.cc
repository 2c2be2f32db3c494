#include "gantry/cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gantry::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

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

}  // namespace
}  // namespace gantry::cli
