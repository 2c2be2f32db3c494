#include "message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace gantry::worker {
namespace {

using testing::HasSubstr;

Hello hello() {
  return {
      .inputs = {{.spec = {.name = "picture",
                           .dtype = DType::uint8,
                           .shape = {1, 2, 2, 3},
                           .quantization = Quantization{.scale = 0.5F, .zero_point = -3}},
                  .capacity = 12}},
      .outputs = {{.spec = {.name = "", .dtype = DType::float32, .shape = {-1}, .quantization = {}},
                   .capacity = 400},
                  {.spec = {.name = "s", .dtype = DType::string, .shape = {}, .quantization = {}},
                   .capacity = 7}},
      .details = "{}"};
}

TEST(Message, WhatIsWrittenIsRead) {
  const auto greeting = parse_from_child(encode(hello()));
  ASSERT_TRUE(greeting) << greeting.error().message;
  const auto& read = std::get<Hello>(*greeting);
  ASSERT_EQ(read.inputs.size(), 1U);
  EXPECT_EQ(read.inputs[0].spec.name, "picture");
  EXPECT_EQ(read.inputs[0].spec.description(), "uint8 [1,2,2,3]");
  EXPECT_EQ(read.inputs[0].spec.quantization, (Quantization{.scale = 0.5F, .zero_point = -3}));
  EXPECT_EQ(read.inputs[0].capacity, 12U);
  ASSERT_EQ(read.outputs.size(), 2U);
  EXPECT_EQ(read.outputs[0].spec.shape, Shape{-1});
  EXPECT_FALSE(read.outputs[0].spec.quantization);
  EXPECT_EQ(read.outputs[1].spec.dtype, DType::string);
  EXPECT_EQ(read.details, "{}");

  const auto answer = parse_from_child(
      encode(Answer{.sequence = 9, .error = {}, .outputs = {{.shape = {1, 5}, .bytes = 20}}}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<Answer>(*answer).sequence, 9U);
  EXPECT_EQ(std::get<Answer>(*answer).outputs[0].shape, (Shape{1, 5}));
  EXPECT_EQ(std::get<Answer>(*answer).outputs[0].bytes, 20U);

  const auto failed = parse_from_child(encode(Answer{
      .sequence = 9, .error = Error{Code::unavailable, "gone"}, .is_broken = true, .outputs = {}}));
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<Answer>(*failed).error->code, Code::unavailable);
  EXPECT_EQ(std::get<Answer>(*failed).error->message, "gone");
  EXPECT_TRUE(std::get<Answer>(*failed).is_broken);

  const auto memory = parse_from_parent(encode(Memory{.bytes = 128, .offsets = {0, 64}}));
  ASSERT_TRUE(memory);
  EXPECT_EQ(std::get<Memory>(*memory).offsets, (std::vector<std::uint64_t>{0, 64}));
  const auto invoke = parse_from_parent(encode(Invoke{.sequence = 3}));
  ASSERT_TRUE(invoke);
  EXPECT_EQ(std::get<Invoke>(*invoke).sequence, 3U);
}

TEST(Message, CutShortOrWithMoreBehindItIsNoMessage) {
  auto bytes = encode(hello());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_from_child(std::span(bytes).first(size))) << size;
  }
  bytes.push_back(std::byte{0});
  const auto longer = parse_from_child(bytes);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, Code::invalid_argument);
  EXPECT_EQ(longer.error().message, "1 bytes are left over");
}

TEST(Message, EachSideSpeaksItsPartOnly) {
  EXPECT_FALSE(parse_from_child(encode(Invoke{.sequence = 1})));
  EXPECT_FALSE(parse_from_parent(encode(FromChild(Ready{}))));
}

struct WrongCase {
  const char* name;
  FromChild message;
  const char* says;
};
class WrongMessageTest : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongMessageTest, IsRefused) {
  const auto read = parse_from_child(encode(GetParam().message));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}

Hello with_tensor(DType dtype, Shape shape) {
  Hello hello;
  hello.inputs.resize(1);
  hello.inputs[0].spec.dtype = dtype;
  hello.inputs[0].spec.shape = std::move(shape);
  return hello;
}
Hello with_tensors(std::size_t count) {
  Hello hello;
  hello.outputs.resize(count);
  return hello;
}
Hello of_version(std::uint32_t version) {
  Hello hello;
  hello.protocol = version;
  return hello;
}
Answer with_outputs(std::size_t count) {
  Answer answer;
  answer.outputs.resize(count);
  return answer;
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongMessageTest,
    testing::Values(
        WrongCase{"dtype", with_tensor(DType{200}, {}), "dtype is unknown"},
        WrongCase{"extent", with_tensor(DType::int8, {-2}), "an extent is negative"},
        WrongCase{"dimensions", with_tensor(DType::int8, Shape(17, 1)), "17 dimensions"},
        WrongCase{"tensors", with_tensors(257), "257 tensors"},
        WrongCase{"code", Failure{{.code = Code{77}, .message = "?"}}, "error code is unknown"},
        WrongCase{"outputs", with_outputs(257), "257 outputs"},
        WrongCase{"version", of_version(9), "speaks version 9"}),
    [](const auto& test) { return std::string(test.param.name); });

RC_GTEST_PROP(Message, AnyBytesAreReadOrRefused, ()) {
  // Most begin as messages do, or nothing behind that would be reached.
  auto bytes = encode(hello());
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  const auto tail =
      *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  bytes.resize(at);
  for (const std::uint8_t byte : tail) {
    bytes.push_back(std::byte{byte});
  }
  const auto read = parse_from_child(bytes);
  RC_ASSERT(read.has_value() || !read.error().message.empty());
}

}  // namespace
}  // namespace gantry::worker
