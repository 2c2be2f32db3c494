#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "body.h"
#include "gantry/base/deadline.h"
#include "gantry/http/message.h"
#include "gantry/http/server.h"
#include "header_scan.h"
#include "loop.h"
#include "problem.h"
#include "read_buffer.h"
#include "request_parser.h"

namespace gantry::http {

/// What all connections of a server share. Outlives them.
struct ServerContext {
  ServerConfig config;
  Handler handler;
  ErrorResponse error_response;
  std::function<void(const ConnectionEvent&)> on_event;  // never empty
  std::shared_ptr<BodyBudget> budget;
  std::atomic<bool> stopping = false;
  std::atomic<std::size_t> cut_off = 0;  // requests that were not done when the server stopped
  std::function<void()> on_closed;       // called after a connection has closed
};

/// One TCP connection and its requests, in sequence:
///
///     idle ─► header ─► body ─► handling ─► writing ─► idle (keep-alive)
///       └──────┴─────────┴─────────┴────problem──►  └─► lingering ─► closed
///
/// A read is always under way while there is room for its bytes, also while a handler works: the
/// read shows that the peer hung up, and its bytes belong to the next request. Every state has one
/// deadline. A single timer serves all states. It is set anew only if a deadline comes before the
/// time that it is set to, so a request that is answered in time does not touch the timer.
///
/// Threads: everything on its loop's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  Connection(ServerContext& server, Loop& loop, Socket socket, std::string peer);
  ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  /// Answers 503 instead of reading a request.
  void reject();
  /// Closes the connection if no request is under way, else after the answer.
  void drain();
  /// Closes now and makes the calls of on_disconnect().
  void abort();
  /// As abort(), and counts a request that was under way. For the end of the server.
  void cut_off();
  /// For an exception that came out of a call on this connection. note_failure() runs no foreign
  /// code. Post recover() afterwards: it closes the connection, unless a handler still has the
  /// request and will answer.
  void note_failure(std::string what) { failure_ = std::move(what); }
  void recover();

  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

  // For the exchange under way.
  using Written = std::function<void(Clock::duration)>;
  void respond(Response response, Written written);
  void on_disconnect(std::function<void()> gone);
  void on_deadline(Deadline deadline, std::function<void()> late);
  /// The handler destroyed the exchange without an answer.
  void abandoned();

 private:
  enum class State : std::uint8_t {
    idle,
    header,
    sized_body,
    chunked_body,
    handling,
    writing,
    lingering,
    closed
  };
  struct Late {
    Clock::time_point at;
    std::function<void()> call;
  };
  // Reading.
  void read();
  void read_done(const boost::system::error_code& error, std::size_t bytes, bool into_body);
  void peer_gone();
  void advance();
  // Each takes one step. False: it waits for bytes, the handler or the peer.
  [[nodiscard]] bool step();
  [[nodiscard]] bool step_idle();
  [[nodiscard]] bool step_header();
  [[nodiscard]] bool step_sized_body();
  [[nodiscard]] bool step_chunked_body();
  void header_complete();
  [[nodiscard]] std::optional<Problem> begin_body();
  void hand_over();

  // Answering.
  /// Answers with `problem` and closes. If `event_message` is given, the event gets it instead of
  /// the message for the client.
  void refuse(Problem problem, std::string event_message = {});
  void send(Response response, bool is_head);
  void write_on();
  void write_done();
  void linger();
  void close();

  // Deadlines.
  void set_deadline(Clock::time_point at);
  void set_deadline(Clock::duration from_now) { set_deadline(Clock::now() + from_now); }
  void arm_timer();
  void timer_fired();
  void phase_timed_out();
  void forget_callbacks();
  void event(int status, std::string message, Cut cut = Cut::none);

  ServerContext& server_;
  Loop& loop_;
  Socket socket_;
  std::string peer_;
  State state_ = State::idle;
  bool advancing_ = false;
  bool reading_ = false;
  bool keep_alive_ = true;
  bool peer_eof_ = false;

  // The request being read.
  ReadBuffer buffer_;
  HeaderScan scan_;
  RequestParser parser_;
  Request request_;
  Head head_;
  BodyReader body_;
  std::size_t empty_lines_ = 0;

  // The exchange under way.
  std::string request_id_;
  bool is_head_ = false;
  std::string failure_;
  std::vector<std::function<void()>> gone_;
  std::vector<Late> late_;

  // The answer being written.
  std::string response_head_;
  std::string response_body_;
  std::size_t written_bytes_ = 0;
  Clock::time_point write_began_;
  Written written_;
  std::size_t linger_left_ = 0;

  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_at_ = Clock::time_point::max();
  boost::asio::steady_timer timer_;
};

}  // namespace gantry::http
