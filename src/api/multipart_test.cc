#include "multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/format.h"
#include "test_requests.h"

namespace gantry::api {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

/// Contents as strings, so that they outlive the body.
struct Field {
  std::string name;
  std::string content;
  friend bool operator==(const Field&, const Field&) = default;
};
Result<std::vector<Field>> parsed(std::string_view body, std::string_view boundary = "B") {
  const auto bytes = bytes_of(body);
  const auto parts = parse_multipart(bytes, boundary);
  if (!parts) {
    return std::unexpected(parts.error());
  }
  std::vector<Field> fields;
  for (const auto& part : *parts) {
    fields.push_back({part.name, text_of(part.content)});
  }
  return fields;
}
void PrintTo(const Field& field, std::ostream* out) { *out << field.name << '=' << field.content; }

constexpr std::string_view image_head = "Content-Disposition: form-data; name=\"image\"\r\n\r\n";

struct GoodBody {
  const char* name;
  std::string body;
  std::vector<Field> fields;
};
class MultipartGood : public testing::TestWithParam<GoodBody> {};
TEST_P(MultipartGood, IsTakenApart) {
  const auto fields = parsed(GetParam().body);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ(*fields, GetParam().fields);
}

std::string one(std::string_view head, std::string_view content) {
  return format_text("--B\r\n{}{}\r\n--B--\r\n", head, content);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, MultipartGood,
    testing::Values(
        GoodBody{"one_part", one(image_head, "cat"), {{"image", "cat"}}},
        GoodBody{"two_parts",
                 "--B\r\nContent-Disposition: form-data; name=top_k\r\n\r\n3\r\n" +
                     one(image_head, "cat"),
                 {{"top_k", "3"}, {"image", "cat"}}},
        GoodBody{"preamble_and_epilogue",
                 "hello\r\n" + one(image_head, "cat") + "bye\r\n--B\r\n",
                 {{"image", "cat"}}},
        GoodBody{"no_line_end_behind_the_end",
                 "--B\r\n" + std::string(image_head) + "cat\r\n--B--",
                 {{"image", "cat"}}},
        GoodBody{"padding_behind_the_boundary",
                 "--B \t\r\n" + std::string(image_head) + "cat\r\n--B--",
                 {{"image", "cat"}}},
        GoodBody{"an_empty_part", one(image_head, ""), {{"image", ""}}},
        GoodBody{"an_empty_part_that_shares_its_line_end",
                 "--B\r\n" + std::string(image_head) + "--B--\r\n",
                 {{"image", ""}}},
        GoodBody{"content_that_looks_like_boundaries",
                 one(image_head, "x--B\r\n--Bx\n--B\r--B\r\n--C--\r\n--Bee\r\n"),
                 {{"image", "x--B\r\n--Bx\n--B\r--B\r\n--C--\r\n--Bee\r\n"}}},
        GoodBody{"content_of_line_ends", one(image_head, "\r\n\r\n"), {{"image", "\r\n\r\n"}}},
        GoodBody{"zeros", one(image_head, "a\0b"sv), {{"image", std::string("a\0b"sv)}}},
        GoodBody{"other_headers",
                 one("Content-Type: image/png\r\nX: y\r\n" + std::string(image_head), "cat"),
                 {{"image", "cat"}}},
        GoodBody{"names_in_any_case",
                 one("CONTENT-disposition:FORM-DATA;NAME=image\r\n\r\n", "cat"),
                 {{"image", "cat"}}},
        GoodBody{"file_names",
                 one("Content-Disposition: form-data; filename=\"a\\\"b;c.png\"; "
                     "filename*=UTF-8''d.png; name=\"image\"\r\n\r\n",
                     "cat"),
                 {{"image", "cat"}}},
        GoodBody{"an_escaped_name",
                 one("Content-Disposition: form-data; name=\"i\\mage\"\r\n\r\n", "cat"),
                 {{"image", "cat"}}},
        GoodBody{"a_name_in_utf8",
                 one("Content-Disposition: form-data; name=\"größe\"\r\n\r\n", "1"),
                 {{"größe", "1"}}},
        GoodBody{"no_parts", "--B--\r\n", {}}),
    [](const auto& test) { return std::string(test.param.name); });

struct BadBody {
  const char* name;
  std::string body;
  const char* message;
};
class MultipartBad : public testing::TestWithParam<BadBody> {};
TEST_P(MultipartBad, IsRefused) {
  const auto fields = parsed(GetParam().body);
  ASSERT_FALSE(fields) << testing::PrintToString(*fields);
  EXPECT_EQ(fields.error().code, Code::invalid_argument);
  EXPECT_THAT(fields.error().message, HasSubstr(GetParam().message));
  EXPECT_LT(fields.error().message.size(), 500U);
}

std::string many_parts(int count) {
  std::string body;
  for (int i = 0; i < count; ++i) {
    body += "--B\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n";
  }
  return body + "--B--";
}

INSTANTIATE_TEST_SUITE_P(
    Malformed, MultipartBad,
    testing::Values(
        BadBody{"empty", "", "nowhere"}, BadBody{"no_boundary", "hello", "nowhere"},
        BadBody{"boundary_within_a_line", "x--B\r\n", "nowhere"},
        BadBody{"only_the_boundary", "--B", "nowhere"},
        BadBody{"a_longer_boundary", "--Bee\r\n\r\n", "nowhere"},
        BadBody{"bare_line_feeds",
                "--B\nContent-Disposition: form-data; name=image\n\ncat\n--B--\n", "bare LF"},
        BadBody{"cut_within_the_header", "--B\r\nContent-Dispo", "ends its header"},
        BadBody{"cut_behind_the_header", "--B\r\n" + std::string(image_head), "cut short"},
        BadBody{"cut_within_the_content", "--B\r\n" + std::string(image_head) + "cat", "cut short"},
        BadBody{"cut_within_the_last_boundary", "--B\r\n" + std::string(image_head) + "cat\r\n--B",
                "cut short"},
        BadBody{"no_end_mark", "--B\r\n" + std::string(image_head) + "cat\r\n--B\r\n",
                "ends its header"},
        BadBody{"no_header", one("\r\n", "cat"), "part 1 has no Content-Disposition"},
        BadBody{"no_empty_line", "--B\r\nContent-Disposition: form-data; name=image\r\n--B--",
                "ends its header"},
        BadBody{"no_disposition", one("Content-Type: image/png\r\n\r\n", "cat"),
                "no Content-Disposition"},
        BadBody{"no_name", one("Content-Disposition: form-data\r\n\r\n", "cat"), "want one"},
        BadBody{"another_disposition",
                one("Content-Disposition: attachment; name=image\r\n\r\n", "cat"), "want one"},
        BadBody{"two_dispositions",
                one("Content-Disposition: form-data; name=a\r\n" + std::string(image_head), "cat"),
                "want one"},
        BadBody{"two_names", one("Content-Disposition: form-data; name=a; name=b\r\n\r\n", "cat"),
                "twice"},
        BadBody{"an_open_quote", one("Content-Disposition: form-data; name=\"image\r\n\r\n", "cat"),
                "never closed"},
        BadBody{"no_colon", one("Content-Disposition\r\n\r\n", "cat"), "Name: value"},
        BadBody{"a_space_before_the_colon", one("X : y\r\n" + std::string(image_head), "cat"),
                "Name: value"},
        BadBody{"a_folded_line", one("X: y\r\n z\r\n" + std::string(image_head), "cat"),
                "Name: value"},
        BadBody{"a_zero_in_the_header",
                one("Content-Disposition: form-data; name=\"ima\0ge\"\r\n\r\n"sv, "cat"),
                "control character"},
        BadBody{"a_long_header",
                one("X: " + std::string(9000, 'x') + "\r\n" + std::string(image_head), "cat"),
                "8192 bytes"},
        BadBody{"too_many_parts", many_parts(33), "more than 32 parts"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Multipart, TakesAsManyPartsAsItPromises) {
  const auto fields = parsed(many_parts(32));
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ(fields->size(), 32U);
}

TEST(Multipart, TellsTheTransferEncoding) {
  const auto body =
      bytes_of(one("Content-Transfer-Encoding: BASE64\r\n" + std::string(image_head), "Zg=="));
  const auto parts = parse_multipart(body, "B");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->front().transfer_encoding, "base64");
}

Result<std::string> boundary_of(std::string_view content_type) {
  return parse_header_value(content_type).and_then(form_boundary);
}

TEST(FormBoundary, IsReadQuotedOrNot) {
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=----Web7"), "----Web7");
  EXPECT_EQ(boundary_of("multipart/form-data; charset=utf-8; BOUNDARY=\"a b:c\""), "a b:c");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary==_x=/?"), "=_x=/?");
  EXPECT_EQ(boundary_of("multipart/form-data;boundary=" + std::string(70, 'x')),
            std::string(70, 'x'));
}

TEST(FormBoundary, IsRefusedIfItIsNone) {
  for (const std::string& parameters :
       {std::string(), std::string(";boundary="), std::string(";boundary=\"\""),
        ";boundary=" + std::string(71, 'x'), std::string(";boundary=\"a \""),
        std::string(";boundary=\"a\\\"b\""), std::string(";boundary=a\x80"),
        std::string(";boundary=\"a"), std::string(";boundary=a;boundary=b")}) {
    const auto boundary = boundary_of("multipart/form-data" + parameters);
    ASSERT_FALSE(boundary) << parameters;
    EXPECT_EQ(boundary.error().code, Code::invalid_argument);
  }
}

}  // namespace
}  // namespace gantry::api
