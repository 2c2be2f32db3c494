#include "base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "test_requests.h"

namespace gantry::api {
namespace {

Result<std::string> decoded(std::string_view text) {
  std::vector<std::byte> out(text.size() / 4 * 3);
  const auto size = decode_base64(text, out);
  if (!size) {
    return std::unexpected(size.error());
  }
  return text_of(out).substr(0, *size);
}

struct Good {
  const char* name;
  std::string_view text;
  std::string_view bytes;
};
class Base64Good : public testing::TestWithParam<Good> {};
TEST_P(Base64Good, IsDecoded) {
  const auto out = decoded(GetParam().text);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, GetParam().bytes);
}
using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(
    Vectors, Base64Good,
    testing::Values(Good{"nothing", "", ""}, Good{"one_byte", "Zg==", "f"},
                    Good{"two_bytes", "Zm8=", "fo"}, Good{"three_bytes", "Zm9v", "foo"},
                    Good{"six_bytes", "Zm9vYmFy", "foobar"},
                    Good{"all_of_the_alphabet_s_end", "+/+/", "\xFB\xFF\xBF"sv},
                    Good{"lines", "Zm9v\r\nYmFy\r\n", "foobar"},
                    Good{"spaces_within_a_group", "Z m\t9\nv Y m F y", "foobar"},
                    Good{"spaces_around_padding", " Zg = = ", "f"},
                    Good{"only_spaces", " \r\n\t", ""}, Good{"zeros", "AAAA", "\0\0\0"sv}),
    [](const auto& test) { return std::string(test.param.name); });

struct Bad {
  const char* name;
  std::string_view text;
  const char* message;
};
class Base64Bad : public testing::TestWithParam<Bad> {};
TEST_P(Base64Bad, IsRefused) {
  const auto out = decoded(GetParam().text);
  ASSERT_FALSE(out) << *out;
  EXPECT_EQ(out.error().code, Code::invalid_argument);
  EXPECT_THAT(out.error().message, testing::HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Malformed, Base64Bad,
    testing::Values(Bad{"one_letter", "Z", "cut short"}, Bad{"no_padding", "Zg", "cut short"},
                    Bad{"half_the_padding", "Zg=", "cut short"},
                    Bad{"too_much_padding", "Zg===", "at byte 4"},
                    Bad{"padding_behind_a_whole_group", "Zm9v=", "at byte 4"},
                    Bad{"padding_behind_one_letter", "Z===", "at byte 1"},
                    Bad{"only_padding", "====", "at byte 0"},
                    Bad{"letters_behind_padding", "Zg==Zg==", "at byte 4"},
                    Bad{"url_safe", "-_-_", "\"-\" at byte 0"},
                    Bad{"a_foreign_letter_in_the_middle", "Zm9vYm!y", "\"!\" at byte 6"},
                    Bad{"a_zero", "Zm\0v"sv, "at byte 2"},
                    Bad{"above_ascii", "Zm9\xE9", "at byte 3"},
                    Bad{"unused_bits_of_one_byte", "Zh==", "bits that belong to nothing"},
                    Bad{"unused_bits_of_two_bytes", "Zm9=", "bits that belong to nothing"}),
    [](const auto& test) { return std::string(test.param.name); });

/// A plain encoder to check against, with a line end here and there.
std::string encoded(std::string_view bytes, std::size_t line) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::string bits;
  for (const char c : bytes) {
    for (int bit = 7; bit >= 0; --bit) {
      bits += (static_cast<unsigned char>(c) >> bit & 1) != 0 ? '1' : '0';
    }
  }
  while (bits.size() % 6 != 0) {
    bits += '0';
  }
  std::size_t letters = 0;
  for (std::size_t at = 0; at < bits.size(); at += 6, ++letters) {
    if (line != 0 && letters % line == line - 1) {
      out += "\r\n";
    }
    out += alphabet[std::stoul(bits.substr(at, 6), nullptr, 2)];
  }
  for (; letters % 4 != 0; ++letters) {
    out += '=';
  }
  return out;
}

RC_GTEST_PROP(Base64, DecodesWhatAPlainEncoderMakes, (const std::string& bytes)) {
  const auto line = *rc::gen::inRange<std::size_t>(0, 10);
  RC_ASSERT(decoded(encoded(bytes, line)) == bytes);
}

RC_GTEST_PROP(Base64, DecodesInPlace, (const std::string& bytes)) {
  auto memory = bytes_of(encoded(bytes, *rc::gen::inRange<std::size_t>(0, 10)));
  const std::string_view text(reinterpret_cast<const char*>(memory.data()), memory.size());
  const auto size = decode_base64(text, memory);
  RC_ASSERT(size.has_value());
  RC_ASSERT(text_of(memory).substr(0, *size) == bytes);
}

}  // namespace
}  // namespace gantry::api
