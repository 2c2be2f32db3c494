#include "gantry/api/response_json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "answers.h"
#include "json_text.h"

namespace gantry::api {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

inference::Response answer() {
  return {.model = "mobilenet_v1",
          .version = "1",
          .device = dispatch::Device::npu,
          .shape = {1, 1001},
          .predictions = {{.class_id = 286,
                           .label = "Egyptian cat",
                           .score = 171,
                           .probability = 171.0 / 256,
                           .box = {}}},
          .raw_outputs = {},
          .image_width = 640,
          .image_height = 480,
          .timings = {.decode = 1200us,
                      .resize = 300us,
                      .queue = 0us,
                      .invoke = 16430us,
                      .postprocess = 100400ns}};
}

TEST(ResponseJson, OfAClassifier) {
  EXPECT_EQ(
      response_json(answer()),
      R"({"success":true,"predictions":[{"class_id":286,"label":"Egyptian cat","score":171.0,"probability":0.667969}],)"
      R"("inference_time_ms":16.43,"shape":[1,1001],"model":"mobilenet_v1","version":"1","device":"npu",)"
      R"("timings_ms":{"decode":1.2,"resize":0.3,"queue":0.0,"invoke":16.43,"postprocess":0.1},)"
      R"("image":{"width":640,"height":480}})");
}

TEST(ResponseJson, OfADetector) {
  auto response = answer();
  response.shape = {1, 10, 4};
  response.predictions = {
      {.class_id = 16,
       .label = "",
       .score = double{0.9F},
       .probability = double{0.9F},
       .box = inference::Box{.x_min = 0, .y_min = 30.128, .x_max = 1e2 / 3, .y_max = 480}},
      {.class_id = 2, .label = "dog", .score = 0.5, .probability = 0.5, .box = inference::Box{}}};
  const auto json = response_json(response);
  EXPECT_NE(
      json.find(R"("predictions":[{"class_id":16,"label":"","score":0.9,"probability":0.9,)"
                R"("box":{"x_min":0.0,"y_min":30.13,"x_max":33.33,"y_max":480.0}},{"class_id":2,)"),
      std::string::npos)
      << json;
}

template <class T>
inference::RawOutput raw(DType dtype, std::vector<T> values,
                         std::optional<Quantization> quantization = {}) {
  const auto bytes = std::as_bytes(std::span(values));
  return {.spec = {.name = "out",
                   .dtype = dtype,
                   .shape = {static_cast<std::int32_t>(values.size())},
                   .quantization = quantization},
          .bytes = {bytes.begin(), bytes.end()}};
}

TEST(ResponseJson, OfRawOutputs) {
  auto response = answer();
  response.predictions.clear();
  response.raw_outputs = {
      raw<std::uint8_t>(DType::uint8, {0, 128, 255},
                        Quantization{.scale = 0.5F, .zero_point = 128}),
      raw<std::uint8_t>(DType::uint8, {0, 255}),
      raw<float>(DType::float32, {0.1F, NAN, -INFINITY, 1e20F, -0.0F}),
      raw<std::int64_t>(DType::int64, {std::numeric_limits<std::int64_t>::min(), 9007199254740993}),
      raw<std::uint8_t>(DType::boolean, {0, 1}),
      raw<std::uint16_t>(DType::float16, {0x3C00, 0x7E00}),
      raw<std::uint8_t>(DType::string, {1, 2, 3}),
      raw<std::uint8_t>(DType::string, {1, 2, 3}, Quantization{})};
  const auto parsed = nlohmann::json::parse(response_json(response));
  EXPECT_TRUE(parsed["predictions"].empty());
  const auto data = [&](std::size_t i) { return parsed["outputs"][i]["data"].dump(); };
  EXPECT_EQ(parsed["outputs"][0]["name"], "out");
  EXPECT_EQ(parsed["outputs"][0]["datatype"], "float32") << "what the data are";
  EXPECT_EQ(parsed["outputs"][0]["quantized"].dump(),
            R"({"datatype":"uint8","scale":0.5,"zero_point":128})");
  EXPECT_EQ(parsed["outputs"][1]["datatype"], "uint8");
  EXPECT_FALSE(parsed["outputs"][1].contains("quantized"));
  EXPECT_EQ(parsed["outputs"][0]["shape"].dump(), "[3]");
  EXPECT_EQ(data(0), "[-64.0,0.0,63.5]");
  EXPECT_EQ(data(1), "[0,255]");
  EXPECT_EQ(data(2), "[0.1,null,null,1e+20,-0.0]");
  EXPECT_EQ(data(3), "[-9223372036854775808,9007199254740993]");
  EXPECT_EQ(data(4), "[false,true]");
  EXPECT_EQ(data(5), "[1.0,null]");
  EXPECT_EQ(data(6), "[]");
  EXPECT_EQ(data(7), "[]");
}

TEST(ResponseJson, LabelsMayHoldAnything) {
  auto response = answer();
  for (const auto label : {"quote \" and \\"sv, "line\nand\0zero"sv, "Größe 猫 \U0001F408"sv,
                           "\xFF\xC3("sv, "</script>"sv}) {
    response.predictions[0].label = label;
    const auto parsed = nlohmann::json::parse(response_json(response));
    const std::string got = parsed["predictions"][0]["label"];
    if (label.starts_with('\xFF')) {
      EXPECT_EQ(got, "\uFFFD\uFFFD(");
    } else {
      EXPECT_EQ(got, label);
    }
  }
}

struct Number {
  double value;
  const char* text;
};
class NumberTest : public testing::TestWithParam<Number> {};
TEST_P(NumberTest, IsWrittenShort) {
  std::string out;
  append_number(out, GetParam().value);
  EXPECT_EQ(out, GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(
    JsonText, NumberTest,
    testing::Values(Number{0, "0.0"}, Number{171, "171.0"}, Number{-128, "-128.0"},
                    Number{0.1, "0.1"}, Number{double{0.1F}, "0.1"}, Number{100'000, "100000.0"},
                    Number{1e300, "1e+300"}, Number{1e-300, "1e-300"},
                    Number{1.0 / 3, "0.3333333333333333"}, Number{NAN, "null"},
                    Number{INFINITY, "null"},
                    Number{std::numeric_limits<double>::max(), "1.7976931348623157e+308"}));

TEST(JsonText, RoundsToDecimals) {
  const auto rounded = [](double value, int decimals) {
    std::string out;
    append_rounded(out, value, decimals);
    return out;
  };
  EXPECT_EQ(rounded(16.43049, 3), "16.43");
  EXPECT_EQ(rounded(0.0004999, 3), "0.0");
  EXPECT_EQ(rounded(0.9999996, 6), "1.0");
  EXPECT_EQ(rounded(1e-6, 6), "0.000001");
  EXPECT_EQ(rounded(123456789.1234, 3), "123456789.123");
  EXPECT_EQ(rounded(NAN, 3), "null");
  EXPECT_EQ(rounded(1e308, 3), "1e+308");
}

TEST(Answers, EveryCodeHasItsStatus) {
  EXPECT_EQ(http_status(Code::cancelled), 499);
  EXPECT_EQ(http_status(Code::invalid_argument), 400);
  EXPECT_EQ(http_status(Code::deadline_exceeded), 504);
  EXPECT_EQ(http_status(Code::not_found), 404);
  EXPECT_EQ(http_status(Code::resource_exhausted), 429);
  EXPECT_EQ(http_status(Code::failed_precondition), 422);
  EXPECT_EQ(http_status(Code::out_of_range), 413);
  EXPECT_EQ(http_status(Code::unimplemented), 415);
  EXPECT_EQ(http_status(Code::internal), 500);
  EXPECT_EQ(http_status(Code::unavailable), 503);
}

TEST(Answers, ErrorsAreOneShape) {
  const auto response = error_answer({Code::resource_exhausted, "the queue is \"full\""}, 7);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body,
            "{\"success\":false,\"error\":\"the queue is "
            "\\\"full\\\"\",\"code\":\"resource_exhausted\"}\n");
  EXPECT_EQ(response.headers,
            (std::vector<std::pair<std::string, std::string>>{{"Retry-After", "7"}}));
}

}  // namespace
}  // namespace gantry::api
