#include "gantry/base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace gantry {
namespace {

struct IntCase {
  const char* name;
  const char* text;
  std::optional<std::int64_t> want;
};
class ParseIntTest : public testing::TestWithParam<IntCase> {};
TEST_P(ParseIntTest, Parses) { EXPECT_EQ(parse_int(GetParam().text), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(Edges, ParseIntTest,
                         testing::Values(IntCase{"zero", "0", 0}, IntCase{"negative", "-5", -5},
                                         IntCase{"empty_is_none", "", {}},
                                         IntCase{"plus_is_none", "+5", {}},
                                         IntCase{"space_is_none", " 5", {}},
                                         IntCase{"suffix_is_none", "5x", {}},
                                         IntCase{"fraction_is_none", "5.0", {}},
                                         IntCase{"overflow_is_none", "9223372036854775808", {}},
                                         IntCase{"greatest", "9223372036854775807", INT64_MAX}),
                         [](const auto& test) { return std::string(test.param.name); });

struct DoubleCase {
  const char* name;
  const char* text;
  std::optional<double> want;
};
class ParseDoubleTest : public testing::TestWithParam<DoubleCase> {};
TEST_P(ParseDoubleTest, Parses) { EXPECT_EQ(parse_double(GetParam().text), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(
    Edges, ParseDoubleTest,
    testing::Values(DoubleCase{"fraction", "0.25", 0.25}, DoubleCase{"exponent", "1e-3", 1e-3},
                    DoubleCase{"nan_is_none", "nan", {}}, DoubleCase{"infinity_is_none", "inf", {}},
                    DoubleCase{"overflow_is_none", "1e999", {}},
                    DoubleCase{"comma_is_none", "0,5", {}}, DoubleCase{"empty_is_none", "", {}}),
    [](const auto& test) { return std::string(test.param.name); });

struct QuotedCase {
  const char* name;
  std::string text;
  std::string want;
};
class QuotedTest : public testing::TestWithParam<QuotedCase> {};
TEST_P(QuotedTest, Quotes) { EXPECT_EQ(in_quotes(GetParam().text, 8), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(
    Edges, QuotedTest,
    testing::Values(QuotedCase{"plain", "abc", "\"abc\""}, QuotedCase{"empty", "", "\"\""},
                    QuotedCase{"cut_at_the_limit", "123456789", "\"12345678…\""},
                    QuotedCase{"never_cuts_a_character", "1234567ä", "\"1234567…\""},
                    QuotedCase{"quote_is_escaped", "a\"b", "\"a\\\"b\""},
                    QuotedCase{"newline_is_escaped", "a\nb", "\"a\\x0ab\""},
                    QuotedCase{"invalid_utf8_is_replaced", "a\xFF", "\"a\uFFFD\""},
                    QuotedCase{"overlong_is_replaced", "\xC0\x80", "\"\uFFFD\uFFFD\""},
                    QuotedCase{"surrogate_is_replaced", "\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(QuotedProperty, HasNoControlCharacterAndStaysShort) {
  rc::check([](const std::string& text) {
    const std::string out = in_quotes(text, 20);
    RC_ASSERT(out.size() <= 20U * 4 + 5);
    for (const char c : out) {
      RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
    }
  });
}

TEST(Utf8Test, AcceptsWholeSequencesOnly) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("caf\u00E9 \U0001F408"));
  EXPECT_FALSE(is_utf8("\xE9t\xE9"));
  EXPECT_FALSE(is_utf8("cut \xF0\x9F\x90"));
}

struct BytesCase {
  const char* name;
  std::uint64_t bytes;
  const char* want;
};
class HumanBytesTest : public testing::TestWithParam<BytesCase> {};
TEST_P(HumanBytesTest, Formats) { EXPECT_EQ(human_bytes(GetParam().bytes), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(Edges, HumanBytesTest,
                         testing::Values(BytesCase{"small", 999, "999 bytes"},
                                         BytesCase{"one_thousand", 1000, "1.0 KB"},
                                         BytesCase{"rounds_into_the_next_unit", 999'960, "1.0 MB"},
                                         BytesCase{"megabytes", 4'276'352, "4.3 MB"},
                                         BytesCase{"greatest", UINT64_MAX, "18.4 EB"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Printable, KeepsTextAndTakesControlAway) {
  EXPECT_EQ(printable("Käse 🧀"), "Käse 🧀");
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a?[31mb?");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");                            // CSI as one character
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // a surrogate
}

}  // namespace
}  // namespace gantry
