// The life of an exchange: answers from elsewhere, hang-ups, deadlines, failures, and the end of
// the server.
#include <thread>

#include "server_testing.h"

namespace gantry::http::server_testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ExchangeTest : public ServerTest {
 protected:
  /// A server whose handler hands its exchanges to the test.
  std::uint16_t start_collecting() {
    return start(
        [this](std::shared_ptr<Exchange> exchange) { exchanges.put(std::move(exchange)); });
  }
  std::function<void()> note(std::string what) {
    return [this, what = std::move(what)] { notes.put(what); };
  }

  Mailbox<std::shared_ptr<Exchange>> exchanges;
  Mailbox<std::string> notes;
};

TEST_F(ExchangeTest, the_first_answer_counts) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  {
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { exchange->respond(text("once")); });
    }
  }
  EXPECT_EQ(client.read().body, "once");
  client.send(get_hello);
  exchange->respond(text("late"));
  exchanges.take()->respond(text("twice"));
  EXPECT_EQ(client.read().body, "twice");
}

TEST_F(ExchangeTest, the_request_is_described) {
  Client client(start_collecting());
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: seven\r\nA: 1\r\na: 2\r\nContent-Length: "
      "3\r\n\r\nabc");
  const auto exchange = exchanges.take();
  Request& request = exchange->request();
  EXPECT_EQ(request.header("HOST"), "x");
  EXPECT_EQ(request.header("A"), "1");
  EXPECT_EQ(request.header("b"), std::nullopt);
  EXPECT_EQ(request.id, "seven");
  EXPECT_THAT(request.peer, ::testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_EQ(request.body.size(), 3U);
  EXPECT_GE(request.read_time.count(), 0);
  EXPECT_LE(request.started + request.read_time, Clock::now());
  exchange->respond(text("ok"), [this](Clock::duration) { notes.put("written"); });
  EXPECT_EQ(client.read().header("X-Request-Id"), "seven");
  EXPECT_EQ(notes.take(), "written");
}

TEST_F(ExchangeTest, a_hang_up_is_told_while_the_handler_works) {
  const std::uint16_t port = start_collecting();
  const std::vector<void (*)(Client&)> ways = {[](Client& c) { c.close(); },
                                               [](Client& c) { c.reset(); },
                                               [](Client& c) { c.shut_down_sending(); }};
  for (const auto way : ways) {
    Client client(port);
    client.send(get_hello);
    const auto exchange = exchanges.take();
    exchange->on_disconnect(note("gone"));
    exchange->on_disconnect(note("gone too"));
    exchange->on_deadline(Deadline::after(1h), note("late"));
    way(client);
    EXPECT_EQ(notes.take(), "gone");
    EXPECT_EQ(notes.take(), "gone too");
    EXPECT_EQ(events.take().status, 499);
    exchange->on_disconnect(note("at once"));  // it already has
    EXPECT_EQ(notes.take(), "at once");
    exchange->respond(text("into the void"), [](Clock::duration) { ADD_FAILURE(); });
  }
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(ExchangeTest, a_next_request_that_waits_is_no_hang_up) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto first = exchanges.take();
  first->on_disconnect(note("gone"));
  client.send(get_hello);
  first->respond(text("1"));
  EXPECT_EQ(client.read().body, "1");
  const auto second = exchanges.take();
  second->respond(text("2"));
  EXPECT_EQ(client.read().body, "2");
  EXPECT_EQ(notes.size(), 0U);
}

TEST_F(ExchangeTest, a_hang_up_behind_a_next_request_is_told) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  exchange->on_disconnect(note("gone"));
  client.send(get_hello);
  client.close();
  EXPECT_EQ(notes.take(), "gone");
}

TEST_F(ExchangeTest, after_the_answer_nobody_is_called) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  exchange->on_disconnect(note("gone"));
  exchange->on_deadline(Deadline::after(1h), note("late"));
  exchange->respond(text("ok"));
  exchange->on_disconnect(note("gone"));
  EXPECT_EQ(client.read().status, 200);
  client.close();
  server.reset();
  EXPECT_EQ(notes.size(), 0U);
}

TEST_F(ExchangeTest, a_deadline_is_told_and_can_be_answered) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  exchange->on_deadline(Deadline::after(1h), note("later"));
  exchange->on_deadline(Deadline::after(1ms), [&] {
    exchange->respond(error_response(504, "deadline_exceeded", "too late"));
  });
  EXPECT_EQ(client.read().status, 504);
  client.send(get_hello);
  const auto second = exchanges.take();
  second->on_deadline(Deadline::never(), note("never"));
  second->on_deadline(Deadline(Clock::time_point{}), note("passed already"));
  EXPECT_EQ(notes.take(), "passed already");
  second->respond(text("ok"));
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(ExchangeTest, a_dropped_exchange_is_500) {
  Client client(start_collecting());
  client.send(get_hello);
  exchanges.take();
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, HasSubstr("\"internal\""));
  EXPECT_THAT(events.take().message, HasSubstr("dropped"));
}

TEST_F(ExchangeTest, an_exception_is_500_and_the_server_lives) {
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path == "/throw") {
      throw std::runtime_error("what went wrong");
    }
    echo(exchange);
  });
  Client client(port);
  const Answer answer = client.exchange("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("what went wrong"), std::string::npos);
  const ConnectionEvent event = events.take();
  EXPECT_EQ(event.status, 500);
  EXPECT_THAT(event.message, HasSubstr("what went wrong"));
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_EQ(Client(port).exchange(get_hello).status, 200);
}

TEST_F(ExchangeTest, an_exception_of_a_callback_closes_its_connection_only) {
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text("ok"),
                      [](Clock::duration) { throw std::runtime_error("written failed"); });
  });
  Client other(port);
  Client client(port);
  EXPECT_EQ(client.exchange(get_hello).status, 200);
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_THAT(events.take().message, HasSubstr("written failed"));
  EXPECT_EQ(other.exchange(get_hello).status, 200);
}

TEST_F(ExchangeTest, stop_closes_idle_connections_and_takes_no_new_ones) {
  const std::uint16_t port = start();
  Client idle(port);
  EXPECT_EQ(idle.exchange(get_hello).status, 200);
  Client fresh(port);
  while (server->connections() != 2) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(server->stop(Deadline::never()));
  EXPECT_TRUE(idle.closed_by_peer());
  EXPECT_TRUE(fresh.closed_by_peer());
  Client late;
  EXPECT_TRUE(late.refused(port));
  EXPECT_TRUE(server->stop(Deadline::never()));  // again: nothing
}

TEST_F(ExchangeTest, stop_waits_for_answers) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  std::jthread stopping([this] { EXPECT_TRUE(server->stop(Deadline::after(1h))); });
  // The listener's end shows that stop() has begun.
  Client probe;
  while (!probe.refused(server->port())) {
    probe = Client();
  }
  exchange->respond(text("the last"));
  const Answer answer = client.read();
  EXPECT_EQ(answer.body, "the last");
  EXPECT_EQ(answer.header("Connection"), "close");
  client.close();
  stopping.join();
}

TEST_F(ExchangeTest, stop_cuts_off_at_its_deadline) {
  Client client(start_collecting());
  client.send(get_hello);
  const auto exchange = exchanges.take();
  exchange->on_disconnect(note("gone"));
  EXPECT_FALSE(server->stop(Deadline::after(1ms)));
  EXPECT_EQ(notes.take(), "gone");
  EXPECT_TRUE(client.closed_by_peer());
  exchange->on_disconnect([] { ADD_FAILURE() << "called after stop()"; });
  exchange->respond(text("into the void"), [](Clock::duration) { ADD_FAILURE(); });
}

TEST_F(ExchangeTest, stop_tells_of_a_body_that_was_still_coming) {
  for (const std::string_view framing : {"Content-Length: 10", "Transfer-Encoding: chunked"}) {
    Client client(start());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + std::string(framing) +
                "\r\n\r\n");
    EXPECT_EQ(client.read().status, 100);  // the header is read
    EXPECT_FALSE(server->stop(Deadline::after(1ms))) << framing;
    EXPECT_FALSE(server->stop(Deadline::never())) << "again: the same";
  }
}

TEST_F(ExchangeTest, stop_tells_of_an_answer_that_was_not_taken) {
  const std::uint16_t port = start([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond(text(std::string(64U << 20U, 'x')));
  });
  Client client;
  client.receive_buffer(4096);
  client.connect(port);
  client.send(get_hello);
  EXPECT_TRUE(client.read_a_byte());  // it is being written
  EXPECT_FALSE(server->stop(Deadline::after(1ms)));
}

TEST_F(ExchangeTest, an_exchange_may_outlive_the_server) {
  Client client(start_collecting());
  client.send(get_hello);
  auto exchange = exchanges.take();
  server.reset();
  exchange->on_deadline(Deadline::after({}), note("late"));
  exchange->on_disconnect(note("gone"));
  exchange->respond(text("into the void"));
  exchange.reset();
  EXPECT_EQ(notes.size(), 0U);
}

TEST_F(ExchangeTest, a_callback_may_hold_its_exchange) {
  Client client(start_collecting());
  client.send(get_hello);
  std::weak_ptr<Exchange> weak;
  {
    auto exchange = exchanges.take();
    weak = exchange;
    exchange->on_disconnect([exchange] { exchange->respond(text("nobody hears it")); });
    exchange->on_deadline(Deadline::after(1h), [exchange] {});
  }
  client.close();
  EXPECT_EQ(events.take().status, 499);
  server.reset();
  EXPECT_TRUE(weak.expired());
}

TEST_F(ExchangeTest, many_clients_and_threads_at_once) {
  config.io_threads = 2;
  const std::uint16_t port = start_collecting();
  constexpr int clients = 8;
  constexpr int requests = 50;
  std::vector<std::jthread> workers;
  workers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([this] {
      while (const auto exchange = exchanges.take()) {
        exchange->on_disconnect([] {});
        exchange->on_deadline(Deadline::after(1h), [] {});
        exchange->respond(text(body_text(exchange->request())));
      }
    });
  }
  {
    std::vector<std::jthread> threads;
    threads.reserve(clients);
    for (int c = 0; c < clients; ++c) {
      threads.emplace_back([&, c] {
        Client client(port);
        for (int i = 0; i < requests; ++i) {
          const std::string body = std::to_string(c * requests + i);
          const Answer answer = client.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                                                std::to_string(body.size()) + "\r\n\r\n" + body);
          ASSERT_EQ(answer.body, body);
        }
        // And one that nobody waits for.
        client.send(get_hello);
      });
    }
  }
  server->stop(Deadline::after({}));
  for (std::size_t i = 0; i < workers.size(); ++i) {
    exchanges.put(nullptr);
  }
}

TEST_F(ExchangeTest, starting_and_stopping_under_load) {
  for (int round = 0; round < 10; ++round) {
    const std::uint16_t port = start();
    std::vector<std::jthread> threads;
    threads.reserve(3);
    for (int c = 0; c < 3; ++c) {
      threads.emplace_back([port] {
        for (;;) {
          Client client;
          if (client.refused(port)) {
            return;
          }
          client.exchange(get_hello);
        }
      });
    }
    for (int i = 0; i < 5; ++i) {
      Client client(port);
      EXPECT_EQ(client.exchange(get_hello).status, 200);
    }
    server->stop(Deadline::after(1ms));
  }
}

}  // namespace
}  // namespace gantry::http::server_testing
