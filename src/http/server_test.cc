// What HTTP says about well-formed and malformed requests, over real sockets.
#include <thread>

#include "server_testing.h"

namespace gantry::http::server_testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServerTest, a_request_is_answered) {
  Client client(start());
  const Answer answer = client.exchange("GET /in%66er?top_k=3&q=a+b&q HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /infer top_k=3 q=a b q= []");
  EXPECT_EQ(answer.header("Content-Type"), "text/plain");
  EXPECT_EQ(answer.header("Server"), "gantry");
  EXPECT_THAT(answer.header("Date"), HasSubstr(" GMT"));
  EXPECT_EQ(answer.header("Connection"), "");
  EXPECT_EQ(answer.header("X-Request-Id").size(), 32U);
}

TEST_F(ServerTest, a_connection_is_kept_in_1_1) {
  Client client(start());
  EXPECT_EQ(client.exchange(get_hello).status, 200);
  EXPECT_EQ(client.exchange(get_hello).status, 200);
  const Answer last = client.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, a_connection_is_kept_in_1_0_only_if_asked) {
  Client client(start());
  const Answer kept = client.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.header("Connection"), "keep-alive");
  const Answer last = client.exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order) {
  Client client(start());
  std::string all;
  for (int i = 0; i < 2000; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" +
           std::to_string(100 + i % 900);
  }
  const std::jthread sender([&] { client.send(all); });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(client.read().body,
              "POST /" + std::to_string(i) + " [" + std::to_string(100 + i % 900) + "]");
  }
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order_from_other_threads) {
  Mailbox<std::shared_ptr<Exchange>> exchanges;
  Client client(start([&](std::shared_ptr<Exchange> exchange) { exchanges.put(exchange); }));
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const char* path : {"/1", "/2"}) {
    const auto exchange = exchanges.take();
    ASSERT_TRUE(exchange);
    EXPECT_EQ(exchange->request().path, path);
    EXPECT_EQ(exchanges.size(), 0U) << "the second must wait for the first";
    exchange->respond(text(path));
    EXPECT_EQ(client.read().body, path);
  }
}

TEST_F(ServerTest, bytes_may_come_one_by_one) {
  Client client(start());
  for (const char c :
       std::string_view("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")) {
    client.send({&c, 1});
  }
  EXPECT_EQ(client.read().body, "POST /slow [body]");
}

TEST_F(ServerTest, a_chunked_body_is_put_together) {
  Client client(start());
  const std::string_view request =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;ext=\"1\"\r\nhello\r\nA\r\n, chunked!\r\n0\r\nX-Request-Id: from-the-trailer\r\n\r\n";
  const Answer whole = client.exchange(request);
  EXPECT_EQ(whole.body, "POST / [hello, chunked!]");
  EXPECT_NE(whole.header("X-Request-Id"), "from-the-trailer");
  for (const char c : request) {
    client.send({&c, 1});
  }
  EXPECT_EQ(client.read().body, "POST / [hello, chunked!]");
  EXPECT_EQ(client.exchange(get_hello).body, "GET /hello []");
}

TEST_F(ServerTest, a_large_body_arrives_whole) {
  Client client(start());
  std::string body(5'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>('a' + i * i % 23);
  }
  const std::string request =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body;
  const std::jthread sender([&] { client.send(request + request); });
  EXPECT_TRUE(client.read().body == "POST / [" + body + "]");
  EXPECT_TRUE(client.read().body == "POST / [" + body + "]");
}

TEST_F(ServerTest, the_go_ahead_comes_before_the_body) {
  Client client(start());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  EXPECT_EQ(client.exchange("ok").body, "POST / [ok]");
  // Who has sent the body already needs none; 1.0 knows none.
  EXPECT_EQ(
      client
          .exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
                    "\r\nok")
          .body,
      "POST / [ok]");
  client.send(
      "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: "
      "keep-alive\r\n\r\n");
  EXPECT_EQ(client.exchange("ok").body, "POST / [ok]");
}

TEST_F(ServerTest, head_has_the_header_alone) {
  Client client(start());
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
  const Answer answer = client.read(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Length"), std::to_string(std::string("HEAD /x []").size()));
  EXPECT_EQ(client.exchange(get_hello).body, "GET /hello []");
}

TEST_F(ServerTest, some_statuses_have_no_body) {
  Client client(start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.status = 204, .body = "ignored", .headers = {}});
  }));
  const Answer answer = client.exchange(get_hello);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Content-Length"), "");
  EXPECT_EQ(client.exchange(get_hello).status, 204);
}

TEST_F(ServerTest, options_and_unknown_methods_reach_the_handler) {
  Client client(start());
  EXPECT_EQ(client.exchange("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").body, "OPTIONS * []");
  EXPECT_EQ(client.exchange("OPTIONS /infer HTTP/1.1\r\nHost: x\r\n\r\n").body,
            "OPTIONS /infer []");
  EXPECT_EQ(client.exchange("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n").body, "BREW /pot []");
}

TEST_F(ServerTest, an_absolute_target_is_taken_apart) {
  Client client(start());
  EXPECT_EQ(client.exchange("GET http://x:80/a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n").body,
            "GET /a b=1 []");
  EXPECT_EQ(client.exchange("GET HTTP://x HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET / []");
}

TEST_F(ServerTest, an_empty_line_before_a_request_is_ignored) {
  Client client(start());
  EXPECT_EQ(client.exchange("\r\n" + std::string(get_hello)).status, 200);
  client.send("\r");
  EXPECT_EQ(client.exchange("\n" + std::string(get_hello)).status, 200);
}

TEST_F(ServerTest, a_good_request_id_is_kept_and_a_bad_one_replaced) {
  Client client(start());
  const auto id_for = [&](const std::string& id) {
    return client.exchange("GET / HTTP/1.1\r\nHost: x\r\nx-request-id: " + id + "\r\n\r\n")
        .header("X-Request-Id");
  };
  EXPECT_EQ(id_for("Order-7_a.b"), "Order-7_a.b");
  EXPECT_EQ(id_for(std::string(128, 'a')), std::string(128, 'a'));
  EXPECT_THAT(id_for(std::string(129, 'a')), ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_THAT(id_for("a b"), ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_NE(id_for(""), id_for(""));
}

TEST_F(ServerTest, an_answer_can_not_be_split_by_foreign_text) {
  Client client(start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.body = "{}",
                       .headers = {{"X-Echo", "a\r\nX-Evil: 1"},
                                   {"Bad name", "x"},
                                   {"Content-Length", "99"},
                                   {"Allow", "GET"}}});
  }));
  const Answer answer = client.exchange(get_hello);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(answer.header("X-Echo"), "a  X-Evil: 1");
  EXPECT_EQ(answer.header("X-Evil"), "");
  EXPECT_EQ(answer.header("Allow"), "GET");
  EXPECT_THAT(answer.head, Not(HasSubstr("Bad name")));
}

TEST_F(ServerTest, ipv6_is_served_and_named) {
  config.address = "[::1]";
  auto started = Server::start(config, echo, error_response);
  if (!started) {
    GTEST_SKIP() << "no IPv6 here: " << started.error().message;
  }
  const UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons((*started)->port());
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TEST_F(ServerTest, a_port_in_use_is_refused_with_a_next_step) {
  config.port = start();
  const auto second = Server::start(config, echo, error_response);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, gantry::Code::unavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(config.port)));
  EXPECT_THAT(second.error().message, HasSubstr("choose another port"));
}

TEST_F(ServerTest, an_address_must_be_a_literal) {
  config.address = "localhost";
  const auto bad = Server::start(config, echo, error_response);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, gantry::Code::invalid_argument);
  EXPECT_THAT(bad.error().message, HasSubstr("\"localhost\""));
}

struct Malformed {
  const char* name;
  int status;
  std::string request;
};

class MalformedTest : public ServerTest, public ::testing::WithParamInterface<Malformed> {};

TEST_P(MalformedTest, is_refused_and_the_next_request_works) {
  const std::uint16_t port = start();
  Client client(port);
  client.send(GetParam().request);
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_THAT(answer.body, HasSubstr("\"code\""));
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_EQ(events.take().status, GetParam().status);
  EXPECT_EQ(Client(port).exchange(get_hello).status, 200);
}

constexpr std::string_view post_head = "POST / HTTP/1.1\r\nHost: x\r\n";
std::string post_with(std::string_view rest) { return std::string(post_head).append(rest); }

INSTANTIATE_TEST_SUITE_P(
    All, MalformedTest,
    ::testing::Values(
        Malformed{"tls_handshake", 400,
                  std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11)},
        Malformed{"garbage", 400, "\xFF\xFE garbage"},
        Malformed{"one_nul", 400, std::string(1, '\0')},
        Malformed{"a_line_of_prose", 400, "hello, is anybody there?"},
        Malformed{"http_0_9", 400, "GET /\r\n\r\n"},
        Malformed{"http_2_preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        Malformed{"http_1_2", 505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"},
        Malformed{"http_3", 505, "GET / HTTP/3\r\nHost: x\r\n\r\n"},
        Malformed{"not_http_version", 400, "GET / HTPP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"space_in_target", 400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"bad_escape_in_path", 400, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"cut_escape_in_path", 400, "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"nul_in_path", 400, "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"bad_escape_in_query", 400, "GET /?a=50% HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"relative_target", 400, "GET infer HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"fragment", 400, "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"no_host", 400, "GET / HTTP/1.1\r\n\r\n"},
        Malformed{"two_hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        Malformed{"bare_line_feeds", 400, "GET / HTTP/1.1\nHost: x\n\n"},
        Malformed{"one_bare_line_feed", 400, "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"},
        Malformed{"bare_carriage_return", 400, "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"},
        Malformed{"nul_in_header", 400, std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)},
        Malformed{"control_in_header", 400, "GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n"},
        Malformed{"no_colon", 400, "GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n"},
        Malformed{"space_before_colon", 400, "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"},
        Malformed{"empty_name", 400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"},
        Malformed{"long_method", 400, std::string(40, 'A') + " / HTTP/1.1\r\nHost: x\r\n\r\n"},
        Malformed{"many_headers", 431,
                  "GET / HTTP/1.1\r\nHost: x\r\n" +
                      [] {
                        std::string many;
                        for (int i = 0; i < 200; ++i) many += "A: b\r\n";
                        return many;
                      }() +
                      "\r\n"},
        Malformed{"length_and_chunked", 400,
                  post_with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        Malformed{"chunked_and_length", 400,
                  post_with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n")},
        Malformed{"two_lengths", 400,
                  post_with("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")},
        Malformed{"a_list_of_lengths", 400, post_with("Content-Length: 3, 4\r\n\r\nabcd")},
        Malformed{"negative_length", 400, post_with("Content-Length: -1\r\n\r\n")},
        Malformed{"signed_length", 400, post_with("Content-Length: +3\r\n\r\nabc")},
        Malformed{"hex_length", 400, post_with("Content-Length: 0x3\r\n\r\nabc")},
        Malformed{"empty_length", 400, post_with("Content-Length: \r\n\r\n")},
        Malformed{"length_beyond_64_bits", 400,
                  post_with("Content-Length: 99999999999999999999\r\n\r\n")},
        Malformed{"huge_length", 413, post_with("Content-Length: 9999999999999999999\r\n\r\n")},
        Malformed{"length_over_the_limit", 413, post_with("Content-Length: 33554433\r\n\r\n")},
        Malformed{"unknown_coding", 501,
                  post_with("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
        Malformed{"coding_that_does_not_end", 400, post_with("Transfer-Encoding: gzip\r\n\r\n")},
        Malformed{
            "chunked_twice", 400,
            post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
        Malformed{"chunked_in_1_0", 400,
                  "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Malformed{"chunk_size_not_hex", 400,
                  post_with("Transfer-Encoding: chunked\r\n\r\nxyz\r\n")},
        Malformed{"chunk_size_negative", 400,
                  post_with("Transfer-Encoding: chunked\r\n\r\n-1\r\n")},
        Malformed{"chunk_size_beyond_64_bits", 400,
                  post_with("Transfer-Encoding: chunked\r\n\r\n1FFFFFFFFFFFFFFFF\r\na")},
        Malformed{"chunk_longer_than_its_size", 400,
                  post_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n")},
        Malformed{"chunk_extension_without_end", 400,
                  post_with("Transfer-Encoding: chunked\r\n\r\n3;" + std::string(20000, 'a'))},
        Malformed{"trailer_without_end", 431,
                  post_with("Transfer-Encoding: chunked\r\n\r\n0\r\n" + std::string(20000, 'a'))},
        Malformed{"other_expectation", 417,
                  post_with("Expect: a miracle\r\nContent-Length: 1\r\n\r\n")}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace gantry::http::server_testing
