#include "request_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gantry/base/format.h"

namespace gantry::http {
namespace {

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::string_view chunked_head =
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(RequestParserTest, folded_lines_become_one) {
  RequestParser parser(1000);
  Request request;
  Head head;
  ASSERT_FALSE(
      parser.parse_head("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n  c\r\n\r\n", request, head));
  EXPECT_EQ(request.header("a"), "b c");
}

TEST(RequestParserTest, a_folded_length_is_still_one_length) {
  RequestParser parser(1000);
  Request request;
  Head head;
  EXPECT_TRUE(parser.parse_head("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n 2\r\n\r\n",
                                request, head));
}

TEST(RequestParserTest, reads_one_request_after_the_other) {
  RequestParser parser(1000);
  for (int i = 0; i < 3; ++i) {
    Request request;
    Head head;
    ASSERT_FALSE(parser.parse_head(chunked_head, request, head));
    EXPECT_TRUE(head.chunked);
    BodyReader body(100, std::make_shared<BodyBudget>(100));
    body.begin_chunked();
    const auto fed = parser.feed_chunked("3\r\nabc\r\n0\r\n\r\nnext", body);
    EXPECT_TRUE(fed.complete);
    EXPECT_EQ(fed.used, 13U);
    EXPECT_EQ(text(body.take_bytes()), "abc");
  }
}

RC_GTEST_PROP(RequestParserTest, chunks_come_together_however_they_are_cut, ()) {
  const auto chunks = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::string<std::string>()));
  std::string wire;
  std::string wanted;
  for (const auto& chunk : chunks) {
    wire += format_text("{:x}\r\n{}\r\n", chunk.size(), chunk);
    wanted += chunk;
  }
  wire += "0\r\n\r\n";

  RequestParser parser(1000);
  Request request;
  Head head;
  RC_ASSERT(!parser.parse_head(chunked_head, request, head));
  BodyReader body(1 << 20, std::make_shared<BodyBudget>(1 << 20));
  body.begin_chunked();
  std::string waiting;
  bool complete = false;
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, 20);
    waiting += wire.substr(at, count);
    at += count;
    const auto fed = parser.feed_chunked(waiting, body);
    RC_ASSERT(!fed.problem);
    waiting.erase(0, fed.used);
    complete = fed.complete;
  }
  RC_ASSERT(complete);
  RC_ASSERT(text(body.take_bytes()) == wanted);
}

TEST(BodyReaderTest, grows_as_bytes_come_and_pays_first) {
  const auto budget = std::make_shared<BodyBudget>(200'000);
  BodyReader body(1'000'000, budget);
  body.begin_sized(1'000'000);
  std::optional<Problem> problem;
  auto room = body.room(problem);
  EXPECT_EQ(room.size(), 65536U);
  EXPECT_EQ(budget->used(), 65536U);
  body.filled(room.size());
  room = body.room(problem);
  EXPECT_EQ(room.size(), 65536U);
  EXPECT_EQ(budget->used(), 131072U);
  body.filled(room.size());
  EXPECT_TRUE(body.room(problem).empty());
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->status, 503);
  body.reset();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(BodyReaderTest, moves_nothing_once_the_first_step_is_full) {
  BodyReader body(1'000'000, std::make_shared<BodyBudget>(1'000'000));
  body.begin_sized(1'000'000);
  std::optional<Problem> problem;
  body.filled(body.room(problem).size());
  auto room = body.room(problem);
  const std::byte* first = room.data() - 65536;
  while (!body.complete()) {
    EXPECT_EQ(room.data(), first + body.size());
    body.filled(room.size());
    room = body.room(problem);
  }
  EXPECT_FALSE(problem);
  EXPECT_EQ(body.take_bytes().data(), first);
}

TEST(BodyReaderTest, hands_bytes_and_their_share_over) {
  const auto budget = std::make_shared<BodyBudget>(100);
  BodyReader body(100, budget);
  body.begin_sized(3);
  std::optional<Problem> problem;
  ASSERT_EQ(body.room(problem).size(), 3U);
  body.filled(3);
  EXPECT_TRUE(body.complete());
  const auto bytes = body.take_bytes();
  {
    const BodyLease lease = body.take_lease();
    body.begin_sized(50);
    EXPECT_EQ(budget->used(), 3U);
  }
  EXPECT_EQ(budget->used(), 0U);
  EXPECT_EQ(bytes.size(), 3U);
}

static_assert(!std::is_copy_constructible_v<BodyLease>);

}  // namespace
}  // namespace gantry::http
