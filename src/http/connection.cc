#include "connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>

#include "ascii.h"
#include "exchange.h"

namespace gantry::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// What a chunked body may have waiting undecoded: a read's worth, and more than a chunk's header.
constexpr std::size_t chunk_window = std::size_t{64} << 10U;
// RFC 9112 2.2: some clients send an empty line behind a POST.
constexpr std::size_t max_empty_lines = 2;
constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

}  // namespace

Connection::Connection(ServerContext& server, Loop& loop, Socket socket, std::string peer)
    : server_(server),
      loop_(loop),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      parser_(server.config.limits.max_header_bytes),
      body_(server.config.limits.max_body_bytes, server.budget),
      timer_(loop.context()) {}

void Connection::start() {
  loop_.active = this;
  advance();
}

void Connection::reject() {
  loop_.active = this;
  refuse({503, "overloaded",
          "the server has its " + std::to_string(server_.config.limits.max_connections) +
              " connections; try again later"});
}

void Connection::drain() {
  if (state_ == State::idle) {
    close();
  }
}

void Connection::abort() {
  const auto self = shared_from_this();
  auto gone = std::exchange(gone_, {});
  close();
  for (const auto& call : gone) {
    call();
  }
}

void Connection::cut_off() {
  switch (state_) {
    case State::header:
    case State::sized_body:
    case State::chunked_body:
    case State::handling:
    case State::writing:
      ++server_.cut_off;
      break;
    case State::idle:
    case State::lingering:
    case State::closed:
      break;
  }
  abort();
}

void Connection::recover() {
  if (!failure_.empty()) {
    event(500, "a callback failed: " + std::exchange(failure_, {}));
  }
  if (state_ != State::handling) {
    abort();
  }
}

// ---- Reading

void Connection::read() {
  if (reading_ || peer_eof_ || state_ == State::closed) {
    return;
  }
  asio::mutable_buffer room;
  const bool into_body = state_ == State::sized_body;
  if (into_body) {
    std::optional<Problem> none;  // step_sized_body() has just asked
    const auto body = body_.room(none);
    room = {body.data(), body.size()};
  } else if (state_ == State::lingering) {
    room = asio::buffer(loop_.discarded);
  } else {
    const std::size_t header = server_.config.limits.max_header_bytes;
    const auto bytes =
        buffer_.room(state_ == State::chunked_body ? std::max(header, chunk_window) : header);
    room = {bytes.data(), bytes.size()};
  }
  if (room.size() == 0) {
    return;
  }
  reading_ = true;
  socket_.async_read_some(
      room, [self = shared_from_this(), into_body](const error_code& error, std::size_t bytes) {
        self->read_done(error, bytes, into_body);
      });
}

void Connection::read_done(const error_code& error, std::size_t bytes, bool into_body) {
  loop_.active = this;
  reading_ = false;
  if (state_ == State::closed) {
    return;
  }
  if (error) {
    peer_gone();
    return;
  }
  if (state_ == State::lingering) {
    linger_left_ -= std::min(linger_left_, bytes);
    if (linger_left_ == 0) {
      close();
    } else {
      read();
    }
    return;
  }
  if (into_body) {
    body_.filled(bytes);
  } else {
    buffer_.filled(bytes);
  }
  advance();
}

void Connection::peer_gone() {
  peer_eof_ = true;
  switch (state_) {
    case State::header:
      event(499, "the peer went away within the header");
      break;
    case State::sized_body:
      event(499, "the peer went away after " + std::to_string(body_.size()) + " of " +
                     std::to_string(body_.expected()) + " bytes of its body");
      break;
    case State::chunked_body:
      event(499, "the peer went away within a chunked body");
      break;
    case State::handling:
      event(499, "the peer went away before its answer");
      break;
    case State::writing:
      return;  // it may have closed only its side; writing will tell
    case State::idle:
    case State::lingering:
    case State::closed:
      break;
  }
  abort();
}

void Connection::advance() {
  if (advancing_) {
    return;  // a handler answered at once: the loop below goes on when it returns
  }
  struct Clear {
    void operator()(bool* flag) const noexcept { *flag = false; }
  };
  const auto self = shared_from_this();
  advancing_ = true;
  const std::unique_ptr<bool, Clear> until_the_end(&advancing_);  // also when a handler throws
  while (step()) {
  }
}

bool Connection::step() {
  switch (state_) {
    case State::idle:
      return step_idle();
    case State::header:
      return step_header();
    case State::sized_body:
      return step_sized_body();
    case State::chunked_body:
      return step_chunked_body();
    case State::handling:
    case State::writing:
      read();
      return false;
    case State::lingering:
    case State::closed:
      return false;
  }
  return false;
}

bool Connection::step_idle() {
  while (empty_lines_ < max_empty_lines && buffer_.bytes().starts_with("\r\n")) {
    buffer_.consume(2);
    ++empty_lines_;
  }
  if (buffer_.empty() || (empty_lines_ < max_empty_lines && buffer_.bytes() == "\r")) {
    if (!reading_) {
      buffer_.shrink();
    }
    set_deadline(server_.config.limits.idle_timeout);
    read();
    return false;
  }
  request_ = Request{};
  request_.started = Clock::now();
  request_id_.clear();
  is_head_ = false;
  scan_.reset();
  state_ = State::header;
  return true;
}

bool Connection::step_header() {
  const Limits& limits = server_.config.limits;
  const bool complete = scan_.scan(buffer_.bytes());
  if (scan_.problem()) {
    refuse(*scan_.problem());
    return true;
  }
  if ((complete ? scan_.size() : buffer_.size() + 1) > limits.max_header_bytes) {
    refuse({431, "header_too_large",
            "the header is larger than the limit of " + std::to_string(limits.max_header_bytes) +
                " bytes"});
    return true;
  }
  if (!complete) {
    set_deadline(request_.started + limits.header_timeout);
    read();
    return false;
  }
  header_complete();
  return true;
}

void Connection::header_complete() {
  auto problem = parser_.parse_head(buffer_.bytes().substr(0, scan_.size()), request_, head_);
  buffer_.consume(scan_.size());
  is_head_ = request_.method == "HEAD";
  if (request_.id.empty()) {
    request_.id = loop_.make_request_id();
  }
  request_id_ = request_.id;
  if (!problem) {
    keep_alive_ = head_.keep_alive;
    problem = begin_body();
  }
  if (problem) {
    refuse(*std::move(problem));
  }
}

std::optional<Problem> Connection::begin_body() {
  const Limits& limits = server_.config.limits;
  if (head_.chunked) {
    body_.begin_chunked();
    state_ = State::chunked_body;
  } else {
    const std::uint64_t length = head_.content_length.value_or(0);
    if (length > limits.max_body_bytes) {
      return body_too_large(limits.max_body_bytes);
    }
    const std::size_t used = server_.budget->used();
    if (length > 0 &&
        (used >= server_.budget->limit() || length > server_.budget->limit() - used)) {
      return no_body_budget(server_.budget->limit());  // before the peer has sent it all in vain
    }
    body_.begin_sized(static_cast<std::size_t>(length));
    state_ = State::sized_body;
    if (length == 0) {
      return std::nullopt;
    }
  }
  set_deadline(limits.body_timeout);
  if (head_.expects_continue && buffer_.empty()) {
    // Nothing is unsent, so these few bytes always fit. If they do not, the connection fails and
    // the read says so.
    error_code ignored;
    socket_.write_some(asio::buffer(continue_response), ignored);
  }
  return std::nullopt;
}

bool Connection::step_sized_body() {
  std::optional<Problem> problem;
  const auto room = body_.room(problem);
  if (problem) {
    refuse(*std::move(problem));
    return true;
  }
  if (body_.complete()) {
    hand_over();
    return true;
  }
  if (!buffer_.empty()) {
    const std::size_t count = std::min(room.size(), buffer_.size());
    std::memcpy(room.data(), buffer_.bytes().data(), count);
    buffer_.consume(count);
    body_.filled(count);
    return true;
  }
  read();
  return false;
}

bool Connection::step_chunked_body() {
  auto fed = parser_.feed_chunked(buffer_.bytes(), body_);
  buffer_.consume(fed.used);
  if (fed.problem) {
    refuse(*std::move(fed.problem));
    return true;
  }
  if (fed.complete) {
    hand_over();
    return true;
  }
  read();
  return false;
}

void Connection::hand_over() {
  request_.peer = peer_;
  request_.body = body_.take_bytes();
  request_.read_time = Clock::now() - request_.started;
  state_ = State::handling;
  set_deadline(Clock::time_point::max());
  auto exchange = std::make_shared<ConnectionExchange>(loop_.shared_from_this(), weak_from_this(),
                                                       std::move(request_), body_.take_lease());
  read();  // before the handler runs: it may throw
  server_.handler(std::move(exchange));
}

// ---- The exchange under way

void Connection::on_disconnect(std::function<void()> gone) {
  if (state_ == State::handling) {
    gone_.push_back(std::move(gone));
  } else {
    gone();
  }
}

void Connection::on_deadline(Deadline deadline, std::function<void()> late) {
  if (state_ == State::handling) {
    late_.push_back({deadline.time(), std::move(late)});
    arm_timer();
  }
}

void Connection::abandoned() {
  loop_.active = this;
  if (state_ == State::handling) {
    const std::string reason = failure_.empty()
                                   ? "the handler dropped the request without an answer"
                                   : "the handler failed: " + std::exchange(failure_, {});
    refuse({500, "internal", "the server failed on this request (id " + request_id_ + ")"}, reason);
  }
}

void Connection::forget_callbacks() {
  // What they hold may hold the exchange, whose destructor must find us in order.
  const auto gone = std::exchange(gone_, {});
  const auto late = std::exchange(late_, {});
}

// ---- Answering

void Connection::respond(Response response, Written written) {
  if (state_ != State::handling) {
    return;
  }
  loop_.active = this;
  written_ = std::move(written);
  send(std::move(response), is_head_);
}

void Connection::refuse(Problem problem, std::string event_message) {
  keep_alive_ = false;
  if (request_id_.empty()) {
    request_id_ = loop_.make_request_id();
  }
  Response response = server_.error_response(problem.status, problem.code, problem.message);
  const bool says_when = std::ranges::any_of(response.headers, [](const auto& header) {
    return equals_ignoring_case(header.first, "Retry-After");
  });
  if (problem.status == 503 && !says_when) {
    response.headers.emplace_back("Retry-After", "1");
  }
  const auto self = shared_from_this();
  send(std::move(response), is_head_);
  event(problem.status,
        event_message.empty() ? std::move(problem.message) : std::move(event_message));
}

void Connection::send(Response response, bool is_head) {
  state_ = State::writing;
  forget_callbacks();
  keep_alive_ = keep_alive_ && !server_.stopping.load(std::memory_order_relaxed);
  write_head(response,
             {.server_name = server_.config.server_name,
              .date = loop_.date(),
              .request_id = request_id_,
              .keep_alive = keep_alive_,
              .is_http_1_0 = head_.is_http_1_0},
             response_head_);
  response_body_.clear();
  if (!is_head && may_have_body(response.status)) {
    response_body_ = std::move(response.body);
  }
  written_bytes_ = 0;
  write_began_ = Clock::now();
  write_on();
}

void Connection::write_on() {
  const std::size_t total = response_head_.size() + response_body_.size();
  while (written_bytes_ < total) {
    const std::size_t of_head = std::min(written_bytes_, response_head_.size());
    const std::array rest = {asio::buffer(response_head_) + of_head,
                             asio::buffer(response_body_) + (written_bytes_ - of_head)};
    error_code error;
    const std::size_t bytes = socket_.write_some(rest, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      set_deadline(std::min(Clock::now() + server_.config.limits.write_timeout,
                            write_began_ + server_.config.limits.answer_timeout));
      socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code&) {
        self->loop_.active = self.get();
        if (self->state_ == State::writing) {
          self->write_on();
        }
      });
      return;
    }
    if (error) {
      event(499, "the peer went away while it was answered: " + error.message(), Cut::peer_gone);
      close();
      return;
    }
    written_bytes_ += bytes;
  }
  write_done();
}

void Connection::write_done() {
  const bool keep = keep_alive_ && !peer_eof_ && !server_.stopping.load(std::memory_order_relaxed);
  response_body_ = {};
  state_ = State::idle;
  empty_lines_ = 0;
  if (const auto written = std::exchange(written_, {})) {
    written(Clock::now() - write_began_);
  }
  if (!keep) {
    linger();
  } else {
    advance();
  }
}

void Connection::linger() {
  error_code error;
  if (!peer_eof_) {
    socket_.shutdown(tcp::socket::shutdown_send, error);
  }
  if (peer_eof_ || error) {
    close();
    return;
  }
  state_ = State::lingering;
  linger_left_ = server_.config.limits.linger_bytes;
  set_deadline(server_.config.limits.linger_timeout);
  read();
}

void Connection::close() {
  if (state_ == State::closed) {
    return;
  }
  const auto self = shared_from_this();
  state_ = State::closed;
  error_code ignored;
  socket_.close(ignored);  // ends the read under way: the body's memory is ours again
  body_.reset();
  timer_.cancel();
  forget_callbacks();
  written_ = {};
  loop_.connections.erase(this);
  server_.on_closed();
}

// ---- Deadlines

void Connection::set_deadline(Clock::time_point at) {
  deadline_ = at;
  arm_timer();
}

void Connection::arm_timer() {
  Clock::time_point next = deadline_;
  for (const Late& late : late_) {
    next = std::min(next, late.at);
  }
  // A timer that rings too early costs a look at the clock now and then; moving it for each request
  // costs more.
  if (next >= timer_at_) {
    return;
  }
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error) {
      self->timer_fired();
    }
  });
}

void Connection::timer_fired() {
  loop_.active = this;
  if (state_ == State::closed) {
    return;
  }
  timer_at_ = Clock::time_point::max();
  const Clock::time_point now = Clock::now();
  std::vector<Late> due;
  for (auto late = late_.begin(); late != late_.end();) {
    if (late->at <= now) {
      due.push_back(std::move(*late));
      late = late_.erase(late);
    } else {
      ++late;
    }
  }
  for (const Late& late : due) {
    if (state_ == State::handling) {
      late.call();
    }
  }
  if (deadline_ <= now && state_ != State::closed) {
    deadline_ = Clock::time_point::max();
    phase_timed_out();
  }
  if (state_ != State::closed) {
    arm_timer();
  }
}

void Connection::phase_timed_out() {
  const Limits& limits = server_.config.limits;
  switch (state_) {
    case State::header:
      refuse({408, "request_timeout",
              "the header did not come within " + seconds_text(limits.header_timeout)});
      break;
    case State::sized_body:
    case State::chunked_body:
      refuse({408, "request_timeout",
              "the body did not come within " + seconds_text(limits.body_timeout)});
      break;
    case State::writing:
      if (Clock::now() >= write_began_ + limits.answer_timeout) {
        event(499, "the peer did not take its answer within " + seconds_text(limits.answer_timeout),
              Cut::too_slow);
      } else {
        event(499, "the peer took nothing of its answer for " + seconds_text(limits.write_timeout),
              Cut::stalled);
      }
      close();
      break;
    case State::idle:
    case State::lingering:
      close();
      break;
    case State::handling:
    case State::closed:
      break;
  }
}

void Connection::event(int status, std::string message, Cut cut) {
  server_.on_event({status, peer_, std::move(message), request_id_, cut});
}

}  // namespace gantry::http
