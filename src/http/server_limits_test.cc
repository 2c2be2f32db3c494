// What a peer may cost: memory, time, connections.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "server_testing.h"

namespace gantry::http::server_testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string post(std::size_t length) {
  return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST_F(ServerTest, ten_megabytes_of_header_are_refused_in_bounded_memory) {
  config.limits.linger_bytes = 64U << 20U;
  const std::uint16_t port = start();
  Client client(port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
  const std::string block(1 << 16, 'a');
  for (int i = 0; i < 160; ++i) {
    client.send(block);
  }
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 431);
  EXPECT_THAT(answer.body, HasSubstr("limit of 16384 bytes"));
  EXPECT_EQ(Client(port).exchange(get_hello).status, 200);
}

TEST_F(ServerTest, a_header_of_just_the_limit_is_taken) {
  config.limits.max_header_bytes = 200;
  const std::uint16_t port = start();
  const auto sized = [](std::size_t size) {
    std::string request = "GET / HTTP/1.1\r\nHost: ";
    return request.append(size - request.size() - 4, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(Client(port).exchange(sized(200)).status, 200);
  EXPECT_EQ(Client(port).exchange(sized(201)).status, 431);
  EXPECT_EQ(Client(port).exchange(sized(200) + sized(200)).status, 200);
}

TEST_F(ServerTest, a_body_of_just_the_limit_is_taken) {
  config.limits.max_body_bytes = 10;
  const std::uint16_t port = start();
  EXPECT_EQ(Client(port).exchange(post(10) + "0123456789").body, "POST / [0123456789]");
  EXPECT_EQ(Client(port).exchange(post(11) + "0123456789A").status, 413);
}

TEST_F(ServerTest, a_chunked_body_is_held_to_the_limit) {
  config.limits.max_body_bytes = 10;
  const std::uint16_t port = start();
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Client(port).exchange(head + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n").body,
            "POST / [0123456789]");
  EXPECT_EQ(Client(port).exchange(head + "5\r\n01234\r\n6\r\n56789A\r\n0\r\n\r\n").status, 413);
  // By its announcement, without a byte of it.
  EXPECT_EQ(Client(port).exchange(head + "5\r\n01234\r\n6\r\n").status, 413);
  EXPECT_EQ(Client(port).exchange(head + "FFFFFFFFFFFFFFFF\r\n").status, 413);
}

TEST_F(ServerTest, a_body_too_large_gets_no_go_ahead) {
  Client client(start());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, a_client_in_the_middle_of_sending_gets_to_see_why) {
  config.limits.max_body_bytes = 1000;
  config.limits.linger_timeout = 20s;
  Client client(start());
  // Far more than the sockets' buffers hold: the server must go on reading for the answer to
  // arrive.
  const std::string body(15'000'000, 'x');
  EXPECT_TRUE(client.send(post(body.size()) + body));
  EXPECT_EQ(client.read().status, 413);
  client.shut_down_sending();
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, what_is_read_after_the_last_answer_is_bounded_in_bytes) {
  config.limits.max_body_bytes = 1000;
  config.limits.linger_timeout = 20s;
  config.limits.linger_bytes = 1 << 20;
  Client client(start());
  const std::string block(1 << 20, 'x');
  client.send(post(1 << 30));
  int blocks = 0;
  while (blocks < 1024 && client.send(block)) {
    ++blocks;
  }
  EXPECT_LT(blocks, 64);
}

TEST_F(ServerTest, what_is_read_after_the_last_answer_is_bounded_in_time) {
  config.limits.max_body_bytes = 1000;
  config.limits.linger_timeout = 1ms;
  Client client(start());
  client.send(post(100'000));
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.closed_by_peer());
  while (server->connections() != 0) {  // closed on our side without the client's doing
    std::this_thread::yield();
  }
}

TEST_F(ServerTest, a_slow_header_is_408) {
  config.limits.header_timeout = 1ms;
  Client client(start());
  client.send("GET / HTTP/1.1\r\nHos");
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr("within 1 ms"));
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ServerTest, a_slow_body_is_408) {
  config.limits.body_timeout = 1ms;
  const std::uint16_t port = start();
  for (const std::string_view request :
       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"}) {
    Client client(port);
    client.send(request);
    EXPECT_EQ(client.read().status, 408);
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(events.take().status, 408);
  }
}

TEST_F(ServerTest, an_idle_connection_is_closed_silently) {
  config.limits.idle_timeout = 1ms;
  const std::uint16_t port = start();
  Client used(port);
  EXPECT_EQ(used.exchange(get_hello).status, 200);
  EXPECT_TRUE(used.closed_by_peer());
  EXPECT_TRUE(Client(port).closed_by_peer());
  EXPECT_EQ(events.size(), 0U);
}

TEST_F(ServerTest, a_peer_that_takes_nothing_of_its_answer_is_closed) {
  config.limits.write_timeout = 1ms;
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text(std::string(64U << 20U, 'x')),
                      [](Clock::duration) { ADD_FAILURE() << "it was not written"; });
  });
  Client client;
  client.receive_buffer(4096);
  client.connect(port);
  client.send(get_hello);
  const ConnectionEvent event = events.take();
  EXPECT_EQ(event.status, 499);
  EXPECT_EQ(event.cut, Cut::stalled);
  EXPECT_THAT(event.message, HasSubstr("took nothing"));
  EXPECT_EQ(event.request_id.size(), 32U) << "the answer had one";
  EXPECT_LT(client.read_all().size(), 64U << 20U);
}

TEST_F(ServerTest, a_peer_that_takes_its_answer_byte_by_byte_is_closed_in_the_end) {
  config.limits.answer_timeout = 100ms;
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text(std::string(64U << 20U, 'x')),
                      [](Clock::duration) { ADD_FAILURE() << "it was not written"; });
  });
  Client client;
  client.receive_buffer(4096);
  client.connect(port);
  client.send(get_hello);
  std::atomic<bool> is_cut = false;
  std::jthread reader([&] {
    while (!is_cut && client.read_a_byte()) {
    }
  });
  const ConnectionEvent event = events.take();
  is_cut = true;
  reader.join();
  EXPECT_EQ(event.status, 499);
  EXPECT_EQ(event.cut, Cut::too_slow);
  EXPECT_THAT(event.message, HasSubstr("did not take its answer within 100 ms"));
  EXPECT_EQ(event.request_id.size(), 32U);
  while (server->connections() != 0) {
    std::this_thread::yield();
  }
}

TEST_F(ServerTest, a_large_answer_is_written_in_pieces) {
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text(std::string(32U << 20U, 'x')));
  });
  Client client;
  client.receive_buffer(65536);
  client.connect(port);
  EXPECT_EQ(client.exchange(get_hello).body.size(), 32U << 20U);
  EXPECT_EQ(client.exchange(get_hello).body.size(), 32U << 20U);
}

TEST_F(ServerTest, a_truncated_body_is_answered_by_nothing) {
  const std::uint16_t port = start();
  for (const std::string_view part :
       {"GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"}) {
    Client client(port);
    client.send(part);
    client.shut_down_sending();
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(events.take().status, 499);
  }
}

TEST_F(ServerTest, connections_beyond_the_limit_are_told) {
  config.limits.max_connections = 2;
  const std::uint16_t port = start();
  Client first(port);
  Client second(port);
  EXPECT_EQ(first.exchange(get_hello).status, 200);
  EXPECT_EQ(second.exchange(get_hello).status, 200);
  {
    Client third(port);
    const Answer answer = third.read();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("Retry-After"), "1");
    EXPECT_EQ(answer.header("Connection"), "close");
  }
  EXPECT_EQ(first.exchange(get_hello).status, 200);
  first.close();
  second.close();
  while (server->connections() != 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(Client(port).exchange(get_hello).status, 200);
}

TEST_F(ServerTest, all_bodies_together_are_bounded) {
  config.limits.max_total_body_bytes = 1000;
  Mailbox<std::shared_ptr<Exchange>> exchanges;
  const std::uint16_t port =
      start([&](std::shared_ptr<Exchange> exchange) { exchanges.put(std::move(exchange)); });
  Client first(port);
  first.send(post(600) + std::string(600, 'x'));
  auto exchange = exchanges.take();
  for (const std::string& request :
       {post(600) + std::string(600, 'x'),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n" +
            std::string(600, 'x') + "\r\n0\r\n\r\n"}) {
    const Answer refused = Client(port).exchange(request);
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("Retry-After"), "1");
  }
  Client small(port);
  small.send(get_hello);
  exchanges.take()->respond(text("a request without a body needs no budget"));
  EXPECT_EQ(small.read().status, 200);

  exchange->respond(text("done"));
  EXPECT_EQ(first.read().status, 200);
  exchange.reset();  // only now is the body's memory free
  Client second(port);
  second.send(post(600) + std::string(600, 'x'));
  exchanges.take()->respond(text("done"));
  EXPECT_EQ(second.read().status, 200);
}

TEST_F(ServerTest, a_bodys_memory_is_not_taken_on_the_word_of_its_length) {
  config.limits.max_total_body_bytes = std::size_t{1} << 20U;
  config.limits.max_body_bytes = std::size_t{1} << 20U;
  const std::uint16_t port = start();
  // Eight that claim half of the budget each, and send little.
  std::vector<std::unique_ptr<Client>> liars;
  for (int i = 0; i < 8; ++i) {
    liars.push_back(std::make_unique<Client>(port));
    liars.back()->send(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 524288\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(liars.back()->read().status, 100);
    liars.back()->send("abc");
  }
  EXPECT_EQ(Client(port).exchange(post(100'000) + std::string(100'000, 'x')).status, 200);
}

TEST_F(ServerTest, running_out_of_descriptors_passes) {
  const std::uint16_t port = start();
  Client client;  // has its descriptor already
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd probe(::dup(0));
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(probe.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  client.connect(port);
  client.send(get_hello);
  const ConnectionEvent event = events.take();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(event.status, 503);
  EXPECT_THAT(event.message, HasSubstr("can't accept"));
  EXPECT_EQ(client.read().status, 200);
}

}  // namespace
}  // namespace gantry::http::server_testing
