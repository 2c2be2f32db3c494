#include "infer_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/format.h"
#include "test_requests.h"

namespace gantry::api {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

constexpr std::string_view png = "\x89PNG\r\n\x1A\n...";
constexpr std::string_view form_type = "multipart/form-data; boundary=B";

std::string part(std::string_view name, std::string_view content, std::string_view more = "") {
  return format_text("--B\r\nContent-Disposition: form-data; name=\"{}\"\r\n{}\r\n{}\r\n", name,
                     more, content);
}

Result<InferInput> read(std::string_view content_type, std::string_view body,
                        std::vector<std::pair<std::string, std::string>> query = {}) {
  auto request = infer_request(content_type, body);
  request.query = std::move(query);
  return read_infer_input(request);
}

// ---- Good bodies

struct GoodInput {
  const char* name;
  std::string_view content_type;
  std::string body;
  std::string_view image;
};
class InferInputGood : public testing::TestWithParam<GoodInput> {};
TEST_P(InferInputGood, CarriesThePicture) {
  const auto input = read(GetParam().content_type, GetParam().body);
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(text_of(input->image), GetParam().image);
}
INSTANTIATE_TEST_SUITE_P(
    Bodies, InferInputGood,
    testing::Values(
        GoodInput{"no_content_type", "", std::string(png), png},
        GoodInput{"image", "image/jpeg", "cat", "cat"},
        GoodInput{"image_in_capitals", "IMAGE/JPEG; q=1", "cat", "cat"},
        GoodInput{"octets", "application/octet-stream", "cat", "cat"},
        GoodInput{"curl_data_binary", "application/x-www-form-urlencoded", std::string(png), png},
        GoodInput{"form", form_type, part("image", "cat") + "--B--", "cat"},
        GoodInput{"form_in_capitals", "MULTIPART/form-DATA; BOUNDARY=\"B\"",
                  part("image", "cat") + "--B--", "cat"},
        GoodInput{"form_binary", form_type,
                  part("image", "Zm9v", "Content-Transfer-Encoding: binary\r\n") + "--B--", "Zm9v"},
        GoodInput{"form_base64", form_type,
                  part("image", "Zm9v\r\nYmFy", "Content-Transfer-Encoding: base64\r\n") + "--B--",
                  "foobar"},
        GoodInput{"form_with_other_parts", form_type,
                  part("comment", "a cat") + part("image", "cat") + part("x", "") + "--B--", "cat"},
        GoodInput{"json", "application/json", R"({"image": "Zm9v"})", "foo"},
        GoodInput{"json_with_a_charset", "application/json; charset=utf-8", R"({"image":"Zm9v"})",
                  "foo"},
        GoodInput{"json_of_a_kind", "application/vnd.x+json", R"({"image":"Zm9v"})", "foo"},
        GoodInput{"json_data_url", "application/json", R"({"image":"data:image/png;base64,Zm9v"})",
                  "foo"},
        GoodInput{"json_data_url_in_capitals", "application/json",
                  R"({"image":"DATA:;BASE64,Zm9v"})", "foo"},
        GoodInput{"json_with_escapes", "application/json",
                  R"({"im\u0061ge":"Zm9v\r\nYm\u0046y\/w=="})", "foobar\xFF"},
        GoodInput{
            "json_with_others", "application/json",
            R"({"id":[{"image":"no"},[]],"image":"Zm9v","z":{"image":1,"top_k":"x"},"w":null,"v":-1.5e3})",
            "foo"},
        GoodInput{"json_with_a_bom", "application/json", "\xEF\xBB\xBF{\"image\":\"Zm9v\"}",
                  "foo"}),
    [](const auto& test) { return std::string(test.param.name); });

// ---- Bad bodies

struct BadInput {
  const char* name;
  std::string_view content_type;
  std::string body;
  Code code;
  const char* message;
};
class InferInputBad : public testing::TestWithParam<BadInput> {};
TEST_P(InferInputBad, IsRefused) {
  const auto input = read(GetParam().content_type, GetParam().body);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, GetParam().code) << input.error().message;
  EXPECT_THAT(input.error().message, HasSubstr(GetParam().message));
  EXPECT_LT(input.error().message.size(), 600U);
}
constexpr Code wrong = Code::invalid_argument;
constexpr Code unknown = Code::unimplemented;
INSTANTIATE_TEST_SUITE_P(
    Types, InferInputBad,
    testing::Values(BadInput{"empty", "image/png", "", wrong, "empty"},
                    BadInput{"empty_untyped", "", "", wrong, "empty"},
                    BadInput{"text", "text/plain", "cat", unknown, "curl -F"},
                    BadInput{"web_form", "application/x-www-form-urlencoded", "image=cat", unknown,
                             "curl -F"},
                    BadInput{"video", "video/mp4", "cat", unknown, "video/mp4"},
                    BadInput{"another_multipart", "multipart/mixed; boundary=B", "cat", unknown,
                             "multipart/mixed"},
                    BadInput{"nonsense", ";;;///", "cat", unknown, "Content-Type"},
                    BadInput{"no_boundary", "multipart/form-data", "cat", wrong, "no boundary"},
                    BadInput{"two_boundaries", "multipart/form-data; boundary=B; boundary=C", "cat",
                             wrong, "twice"}),
    [](const auto& test) { return std::string(test.param.name); });
INSTANTIATE_TEST_SUITE_P(
    Forms, InferInputBad,
    testing::Values(
        BadInput{"no_parts", form_type, "--B--", wrong, "no part named \"image\"; found none"},
        BadInput{"no_image", form_type, part("file", "cat") + part("top_k", "1") + "--B--", wrong,
                 "found \"file\", \"top_k\""},
        BadInput{"two_images", form_type, part("image", "cat") + part("image", "dog") + "--B--",
                 wrong, "two parts"},
        BadInput{"empty_image", form_type, part("image", "") + "--B--", wrong, "is empty"},
        BadInput{"cut_short", form_type, part("image", "cat"), wrong, "cut short"},
        BadInput{"bad_base64", form_type,
                 part("image", "Zm9", "Content-Transfer-Encoding: base64\r\n") + "--B--", wrong,
                 "part \"image\""},
        BadInput{"empty_base64", form_type,
                 part("image", "\r\n", "Content-Transfer-Encoding: base64\r\n") + "--B--", wrong,
                 "is empty"},
        BadInput{"quoted_printable", form_type,
                 part("image", "=20", "Content-Transfer-Encoding: quoted-printable\r\n") + "--B--",
                 unknown, "want binary or base64"},
        BadInput{"top_k", form_type, part("image", "cat") + part("top_k", "many") + "--B--", wrong,
                 "top_k: want an integer from 1 to 100000, found \"many\""}),
    [](const auto& test) { return std::string(test.param.name); });

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Json, InferInputBad, testing::ValuesIn([] {
      const auto json = [](const char* name, std::string body, const char* message) {
        return BadInput{name, "application/json", std::move(body), wrong, message};
      };
      const auto with = [&](const char* name, std::string_view member, const char* message) {
        return json(name, format_text(R"({{"image":"Zm9v",{}}})", member), message);
      };
      return std::vector<BadInput>{
          json("no_json", "image=cat", "not JSON at byte 0: want a value, found \"i\""),
          json("cut_short", R"({"image": "Zm9v")", "not JSON at byte"),
          json("trailing_comma", R"({"image": "Zm9v",})", "not JSON at byte"),
          json("data_behind", R"({"image": "Zm9v"} x)", "not JSON at byte"),
          json("two_documents", R"({"image": "Zm9v"}{})", "not JSON at byte"),
          json("array", "[]", "want an object, found an array"),
          json("string", "\"image\"", "want an object, found \"image\""),
          json("number", "17", "want an object, found 17"),
          json("fraction", "1.5", "want an object, found 1.5"),
          json("null", "null", "want an object, found null"),
          json("true", "true", "want an object, found true"),
          json("no_image", "{}", "no member \"image\""),
          json("image_is_null", R"({"image":null})", "image: want a string of base64, found null"),
          json("image_is_a_number", R"({"image":7})", "found 7"),
          json("image_is_a_list", R"({"image":["Zm9v"]})", "found an array"),
          json("image_is_an_object", R"({"image":{"b64":"Zm9v"}})", "found an object"),
          json("image_is_empty", R"({"image":""})", "empty"),
          json("image_is_no_base64", R"({"image":"Zm9v!"})", "image: not base64: \"!\" at byte 4"),
          json("image_with_a_zero", R"({"image":"\u0000"})", "at byte 0"),
          json("two_images", R"({"image":"Zm9v","image":"Zm9v"})", "two members named image"),
          json("a_url", R"({"image":"data:image/png,cat"})", "want data:…;base64,"),
          json("a_url_without_a_comma", R"({"image":"data:image/png;base64"})",
               "want data:…;base64,"),
          json("a_web_url", R"({"image":"http://127.0.0.1/cat"})", "not base64"),
          json("bad_utf8", "{\"image\":\"\xFF\xFE\"}", "string at byte 10 is not UTF-8"),
          json("bad_utf8_elsewhere", "{\"\xC3\x28\":1,\"image\":\"Zm9v\"}", "not JSON"),
          json("lone_surrogate", R"({"image":"\ud800"})", "not JSON"),
          json("zeros", std::string(1000, '\0'), "not JSON"),
          json("deep", repeated("[", 100'000), "want an object"),
          json("deep_beside", R"({"image":"Zm9v","x":)" + repeated("[", 100'000),
               "nested deeper than 64"),
          json("deep_objects", repeated("{\"a\":", 100'000), "nested deeper than 64"),
          with("nan", R"("threshold":NaN)", "not JSON"),
          with("top_k_is_text", R"("top_k":"many")", "top_k: want an integer, found \"many\""),
          with("top_k_is_a_list", R"("top_k":[1])", "top_k: want an integer, found an array"),
          with("top_k_is_true", R"("top_k":true)", "top_k: want an integer, found true"),
          with("top_k_has_a_fraction", R"("top_k":1.5)", "found \"1.5\""),
          with("top_k_is_negative", R"("top_k":-1)",
               "top_k: want an integer from 1 to 100000, found \"-1\""),
          with("top_k_is_zero", R"("top_k":0)", "found \"0\""),
          with("top_k_is_too_large", R"("top_k":100001)", "found \"100001\""),
          with("top_k_is_beyond_63_bits", R"("top_k":9223372036854775808)",
               "top_k: want an integer"),
          with("top_k_is_beyond_64_bits", R"("top_k":18446744073709551616)",
               "top_k: want an integer"),
          json("top_k_has_many_digits", R"({"top_k":)" + std::string(100'000, '9') + "}",
               "top_k: want an integer"),
          with("threshold_is_text", R"("threshold":"high")",
               "threshold: want a number, found \"high\""),
          with("threshold_is_too_large", R"("threshold":1.5)",
               "threshold: want a number from 0 to 1, found \"1.5\""),
          with("threshold_is_negative", R"("threshold":-1)", "found \"-1\""),
          with("threshold_is_beyond_doubles", R"("threshold":1e999)", "threshold: want a number"),
          with("model_is_a_number", R"("model":7)", "model: want a string, found 7"),
          with("model_is_an_object", R"("model":{})", "model: want a string, found an object"),
          with("version_is_true", R"("version":true)",
               "version: want a string or an integer, found true"),
          with("version_is_a_fraction", R"("version":1.5)", "version: want a string or an integer"),
      };
    }()),
    [](const auto& test) { return std::string(test.param.name); });

// ---- Options

TEST(InferInput, TakesOptionsFromEveryPlace) {
  const auto check = [](const Result<InferInput>& input) {
    ASSERT_TRUE(input) << input.error().message;
    EXPECT_EQ(input->model, "m");
    EXPECT_EQ(input->version, "2");
    EXPECT_EQ(input->options.top_k, 3);
    EXPECT_EQ(input->options.threshold, 0.25);
  };
  check(read("image/png", "cat",
             {{"model", "m"}, {"version", "2"}, {"top_k", "3"}, {"threshold", "0.25"}}));
  check(read(form_type, part("model", "m") + part("version", "2") + part("image", "cat") +
                            part("top_k", "3") + part("threshold", "2.5e-1") + "--B--"));
  check(read("application/json",
             R"({"model":"m","version":2,"top_k":3,"threshold":0.25,"image":"Zm9v"})"));
  check(read("application/json",
             R"({"image":"Zm9v","model":"m","version":"2","top_k":3,"threshold":0.25})"));
}

TEST(InferInput, OptionsInTheBodyWinAndOfTwoTheLast) {
  const auto form =
      read(form_type, part("top_k", "2") + part("image", "cat") + part("top_k", "3") + "--B--",
           {{"top_k", "9"}, {"model", "m"}});
  ASSERT_TRUE(form) << form.error().message;
  EXPECT_EQ(form->options.top_k, 3);
  EXPECT_EQ(form->model, "m");
  const auto json = read("application/json",
                         R"({"threshold":1,"image":"Zm9v","top_k":2,"top_k":3})", {{"top_k", "9"}});
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(json->options.top_k, 3);
  EXPECT_EQ(json->options.threshold, 1.0);
  const auto query = read("image/png", "cat", {{"top_k", "8"}, {"top_k", "9"}, {"other", "x"}});
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->options.top_k, 9);
}

TEST(InferInput, NullLeavesAnOptionUnset) {
  const auto input =
      read("application/json",
           R"({"image":"Zm9v","model":null,"version":null,"top_k":null,"threshold":null})");
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->model, "");
  EXPECT_EQ(input->options.top_k, std::nullopt);
  EXPECT_EQ(input->options.threshold, std::nullopt);
}

TEST(InferInput, RefusesOptionsOutOfRange) {
  for (const auto* value : {"0", "-1", "100001", "1.5", "many", "", "1e3", "0x10", "+1", " 1", "1 ",
                            "nan", "9223372036854775808", "٣"}) {
    const auto input = read("image/png", "cat", {{"top_k", value}});
    ASSERT_FALSE(input) << value;
    EXPECT_EQ(input.error().code, Code::invalid_argument);
    EXPECT_THAT(input.error().message, HasSubstr("top_k: want"));
  }
  for (const auto* value :
       {"-0.1", "1.1", "nan", "-nan", "inf", "-inf", "1e999", "high", "", "0,5", "0x1p-1"}) {
    const auto input = read("image/png", "cat", {{"threshold", value}});
    ASSERT_FALSE(input) << value;
    EXPECT_EQ(input.error().code, Code::invalid_argument);
    EXPECT_THAT(input.error().message, HasSubstr("threshold: want"));
  }
}

TEST(InferInput, TakesOptionsAtTheirBounds) {
  for (const auto* value : {"1", "100000", "007"}) {
    EXPECT_TRUE(read("image/png", "cat", {{"top_k", value}})) << value;
  }
  for (const auto* value : {"0", "1", "-0.0", "1e-3", "1.0"}) {
    EXPECT_TRUE(read("image/png", "cat", {{"threshold", value}})) << value;
  }
}

TEST(InferInput, ReadsNoContentCodings) {
  auto request = infer_request("image/png", "cat");
  request.headers.emplace_back("Content-Encoding", "gzip");
  const auto input = read_infer_input(request);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, Code::unimplemented);
  request.headers.back().second = " Identity ";
  EXPECT_TRUE(read_infer_input(request));
}

TEST(InferInput, TakesTheBodysMemoryAlong) {
  const std::string picture(1U << 20U, 'x');
  for (const auto& [type, body] : {std::pair(std::string_view("image/png"), picture),
                                   std::pair(form_type, part("image", picture) + "--B--")}) {
    auto request = infer_request(type, body);
    const auto* const memory = request.body.data();
    const auto input = read_infer_input(request);
    ASSERT_TRUE(input) << input.error().message;
    EXPECT_EQ(input->image.data(), memory);
    EXPECT_EQ(text_of(input->image), picture);
  }
}

}  // namespace
}  // namespace gantry::api
