// A closed-loop HTTP client for measurements on the loopback: each connection sends its next
// request when it has the answer to the last one. Prints one JSON document. Python clients would
// measure Python.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/unique_fd.h"

namespace gantry {
namespace {

struct Settings {
  std::uint16_t port = 8080;
  std::string path = "/";
  std::size_t connections = 1;
  double warm_up_s = 0;
  double seconds = 10;
  std::size_t requests = 0;  ///< 0: as many as `seconds` has room for
  std::vector<std::string> bodies;
  std::string content_type = "application/octet-stream";
  std::string form_field;
  std::string number;
};

constexpr std::size_t max_body_bytes = std::size_t{64} << 20U;
constexpr std::size_t max_response_bytes = std::size_t{16} << 20U;
constexpr std::size_t max_samples = 50'000'000;

/// The bytes of a whole request, ready to be sent.
Result<std::string> make_request(const Settings& settings, const std::string* body_file) {
  std::string body;
  std::string type = settings.content_type;
  if (body_file != nullptr) {
    auto read = read_text_file(*body_file, max_body_bytes);
    if (!read) {
      return std::unexpected(read.error());
    }
    body = std::move(*read);
    if (!settings.form_field.empty()) {
      // Long enough not to be in a picture by chance; fixed, so that runs are alike.
      constexpr std::string_view boundary = "------------------------gantry-http-load-4b1d";
      type = format_text("multipart/form-data; boundary={}", boundary);
      body = format_text(
          "--{0}\r\nContent-Disposition: form-data; name=\"{1}\"; filename=\"picture\"\r\n"
          "Content-Type: application/octet-stream\r\n\r\n{2}\r\n--{0}--\r\n",
          boundary, settings.form_field, body);
    }
  }
  std::string request =
      format_text("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", body_file == nullptr ? "GET" : "POST",
                  settings.path, settings.port);
  if (body_file != nullptr) {
    request += format_text("Content-Type: {}\r\nContent-Length: {}\r\n", type, body.size());
  }
  return request + "\r\n" + body;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

/// What the header of a response says, as far as we need it.
struct Head {
  explicit Head(std::size_t size) : bytes(size) {}
  std::size_t bytes;  ///< of the header
  int status = 0;
  std::optional<std::size_t> content_length;
  bool close = false;
};

/// Empty until the whole header is there.
std::optional<Head> parse_head(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  Head head(end + 4);
  std::string_view lines = text.substr(0, end);
  if (lines.size() >= 12) {
    std::from_chars(lines.data() + 9, lines.data() + 12, head.status);
    head.close = lines.starts_with("HTTP/1.0");
  }
  for (auto next = lines.find("\r\n"); next != std::string_view::npos; next = lines.find("\r\n")) {
    lines.remove_prefix(next + 2);
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (equal_without_case(name, "content-length")) {
      std::size_t length = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), length).ec == std::errc{}) {
        head.content_length = length;
      }
    } else if (equal_without_case(name, "connection")) {
      head.close = equal_without_case(value, "close");
    }
  }
  return head;
}

/// One connection with at most one request under way; opened again when the server closes it.
/// Requests are sent blocking: they should fit into the socket's buffers.
class Connection {
 public:
  enum class State : std::uint8_t { waiting, complete, failed };

  Connection(std::uint16_t port, bool blocking) : port_(port), blocking_(blocking) {}

  /// Sends a request; connects first where there is no connection, which counts as part of the
  /// request.
  bool begin(std::string_view request) {
    started_ = Clock::now();
    response_.clear();
    head_.reset();
    fresh_ = !socket_;
    if (fresh_ && !open()) {
      return false;
    }
    while (!request.empty()) {
      const ssize_t sent = send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        socket_.reset();
        return false;
      }
      request.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Reads what is there; where blocking, waits for some.
  State receive() {
    const ssize_t got =
        recv(socket_.get(), buffer_.data(), buffer_.size(), blocking_ ? 0 : MSG_DONTWAIT);
    if (got < 0) {
      return errno == EINTR || (!blocking_ && errno == EAGAIN) ? State::waiting : fail();
    }
    if (got == 0) {
      const bool whole = head_ && !head_->content_length;
      socket_.reset();
      return whole ? State::complete : State::failed;
    }
    response_.append(buffer_.data(), static_cast<std::size_t>(got));
    if (response_.size() > max_response_bytes) {
      return fail();
    }
    if (!head_) {
      head_ = parse_head(response_);
    }
    if (!head_ || !head_->content_length ||
        response_.size() < head_->bytes + *head_->content_length) {
      return State::waiting;
    }
    if (head_->close) {
      socket_.reset();
    }
    return State::complete;
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// The last begin() opened the socket.
  [[nodiscard]] bool fresh() const { return fresh_; }
  [[nodiscard]] Clock::time_point started() const { return started_; }
  [[nodiscard]] int status() const { return head_ ? head_->status : 0; }
  [[nodiscard]] std::string_view body() const {
    return std::string_view(response_).substr(head_ ? head_->bytes : 0);
  }

 private:
  State fail() {
    socket_.reset();
    return State::failed;
  }

  bool open() {
    socket_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const timeval timeout{.tv_sec = 60, .tv_usec = 0};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!socket_ || setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
        setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the sockets API takes
        // addresses
        connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      socket_.reset();
      return false;
    }
    return true;
  }

  std::uint16_t port_;
  bool blocking_;
  bool fresh_ = false;
  UniqueFd socket_;
  Clock::time_point started_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{64} << 10U);
  std::string response_;
  std::optional<Head> head_;
};

/// The value of the first JSON member with that name, if it is a number.
std::optional<double> find_number(std::string_view json, std::string_view quoted_name) {
  const auto at = json.find(quoted_name);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  json.remove_prefix(at + quoted_name.size());
  json.remove_prefix(std::min(json.find_first_not_of(": "), json.size()));
  double value = 0;
  if (std::from_chars(json.data(), json.data() + json.size(), value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

/// Everything that is printed at the end.
class Record {
 public:
  Record(const Settings& settings, Clock::time_point begin, Clock::time_point end)
      : begin_(begin), end_(end), wanted_(settings.requests) {
    if (!settings.number.empty()) {
      number_ = "\"" + settings.number + "\"";
    }
  }

  void add(const Connection& connection, Clock::time_point now) {
    if (now < begin_ || now >= end_ || is_full()) {
      return;
    }
    ++statuses_[connection.status()];
    reconnects_ += connection.fresh() ? 1 : 0;
    if (connection.status() < 200 || connection.status() > 299) {
      return;
    }
    if (latency_ms_.empty()) {
      first_ = now;
    }
    last_ = now;
    const double latency = to_ms(now - connection.started());
    latency_ms_.push_back(latency);
    if (!number_.empty()) {
      if (const auto value = find_number(connection.body(), number_)) {
        number_values_.push_back(*value);
        rest_ms_.push_back(latency - *value);
      }
    }
  }

  [[nodiscard]] bool is_full() const {
    const std::size_t samples = latency_ms_.size();
    return samples >= max_samples || (wanted_ > 0 && samples >= wanted_);
  }
  [[nodiscard]] Clock::time_point end() const { return end_; }

  void print(double cpu_s, std::size_t failed) {
    const double window = latency_ms_.size() > 1 ? to_seconds(last_ - first_) : 0;
    // Between the first and the last answer: the slower the service, the more the window's edges
    // would matter.
    const double per_second = window > 0 ? static_cast<double>(latency_ms_.size() - 1) / window : 0;
    std::string statuses;
    for (const auto& [status, count] : statuses_) {
      statuses += format_text("{}\"{}\": {}", statuses.empty() ? "" : ", ", status, count);
    }
    print_text(
        "{{\"requests\": {}, \"seconds\": {:.6f}, \"per_second\": {:.3f}, \"failed\": {}, "
        "\"connects\": {},\n"
        " \"statuses\": {{{}}}, \"client_cpu_seconds\": {:.3f},\n \"latency_ms\": {}",
        latency_ms_.size(), window, per_second, failed, reconnects_, statuses, cpu_s,
        summary(latency_ms_));
    if (!number_.empty()) {
      print_text(",\n \"number\": {},\n \"latency_less_number_ms\": {}", summary(number_values_),
                 summary(rest_ms_));
    }
    print_line("}}");
  }

 private:
  static std::string summary(std::vector<double>& values) {
    if (values.empty()) {
      return R"({"count": 0})";
    }
    std::ranges::sort(values);
    double sum = 0;
    for (const double value : values) {
      sum += value;
    }
    const auto rank = [&](double share) {  // nearest rank
      const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
      return values[std::min(at, values.size() - 1)];
    };
    return format_text(
        R"({{"count": {}, "mean": {:.6f}, "min": {:.6f}, "p50": {:.6f}, "p90": {:.6f}, "p99": {:.6f}, "max": {:.6f}}})",
        values.size(), sum / static_cast<double>(values.size()), values.front(), rank(0.5),
        rank(0.9), rank(0.99), values.back());
  }

  Clock::time_point begin_, end_;
  std::size_t wanted_;
  std::string number_;
  Clock::time_point first_, last_;
  std::vector<double> latency_ms_, number_values_, rest_ms_;
  std::map<int, std::size_t> statuses_;
  std::size_t reconnects_ = 0;
};

/// Gives out the requests in turn, and gives up when too many fail.
class Source {
 public:
  explicit Source(std::vector<std::string> requests) : requests_(std::move(requests)) {}
  bool begin(Connection& connection) {
    while (!connection.begin(requests_[next_++ % requests_.size()])) {
      if (!may_fail_again()) {
        return false;
      }
    }
    return true;
  }
  bool may_fail_again() { return ++failed_ <= 20; }
  [[nodiscard]] std::size_t failed() const { return failed_; }

 private:
  std::vector<std::string> requests_;
  std::size_t next_ = 0;
  std::size_t failed_ = 0;
};

/// One connection: waits in recv, which costs a system call less than waiting in epoll.
bool run_one(std::uint16_t port, Source& source, Record& record) {
  Connection connection(port, true);
  while (!record.is_full() && Clock::now() < record.end()) {
    if (!source.begin(connection)) {
      return false;
    }
    Connection::State state{};
    do {
      state = connection.receive();
    } while (state == Connection::State::waiting);
    if (state == Connection::State::complete) {
      record.add(connection, Clock::now());
    } else if (!source.may_fail_again()) {
      return false;
    }
  }
  return true;
}

bool run_many(std::uint16_t port, std::size_t count, Source& source, Record& record) {
  const UniqueFd poll(epoll_create1(EPOLL_CLOEXEC));
  std::vector<Connection> connections;
  connections.reserve(count);
  const auto begin = [&](std::size_t index) {
    Connection& connection = connections[index];
    if (!source.begin(connection)) {
      return false;
    }
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    return !connection.fresh() ||
           epoll_ctl(poll.get(), EPOLL_CTL_ADD, connection.fd(), &event) == 0;
  };
  for (std::size_t index = 0; index < count; ++index) {
    connections.emplace_back(port, false);
    if (!begin(index)) {
      return false;
    }
  }
  std::array<epoll_event, 256> events{};
  while (!record.is_full() && Clock::now() < record.end()) {
    const int ready = epoll_wait(poll.get(), events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < ready; ++i) {
      const std::size_t index = events[static_cast<std::size_t>(i)].data.u64;
      const Connection::State state = connections[index].receive();
      if (state == Connection::State::waiting) {
        continue;
      }
      if (state == Connection::State::complete) {
        record.add(connections[index], Clock::now());
      } else if (!source.may_fail_again()) {
        return false;
      }
      if (!begin(index)) {
        return false;
      }
    }
  }
  return true;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + (static_cast<double>(t.tv_usec) * 1e-6);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int run(const Settings& settings) {
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < std::max<std::size_t>(settings.bodies.size(), 1); ++i) {
    auto request = make_request(settings, settings.bodies.empty() ? nullptr : &settings.bodies[i]);
    if (!request) {
      print_line(stderr, "http_load: {}", request.error().message);
      return 2;
    }
    requests.push_back(std::move(*request));
  }
  const auto duration = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  const auto begin = Clock::now() + duration(settings.warm_up_s);
  Record record(settings, begin, begin + duration(settings.seconds));
  Source source(std::move(requests));
  const bool ended = settings.connections == 1
                         ? run_one(settings.port, source, record)
                         : run_many(settings.port, settings.connections, source, record);
  if (!ended) {
    print_line(stderr, "http_load: gave up after {} failed requests to port {} ({})",
               source.failed(), settings.port,
               std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
    return 3;
  }
  record.print(cpu_seconds(), source.failed());
  return 0;
}

}  // namespace
}  // namespace gantry

int main(int argc, char** argv) try {
  gantry::Settings settings;
  CLI::App app("Sends HTTP requests to a port of the loopback and prints as JSON what came of it");
  app.add_option("--port", settings.port, "port on 127.0.0.1")->required();
  app.add_option("--path", settings.path, "target of the requests [/]");
  app.add_option("--connections", settings.connections, "requests under way at a time [1]")
      ->check(CLI::Range(1, 10000));
  app.add_option("--warm-up", settings.warm_up_s, "seconds that do not count [0]")
      ->check(CLI::Range(0.0, 600.0));
  app.add_option("--seconds", settings.seconds, "seconds that count [10]")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--requests", settings.requests, "end after so many good answers");
  app.add_option("--body", settings.bodies, "files to POST, in turn; without: GET");
  app.add_option("--content-type", settings.content_type, "of the bodies");
  app.add_option("--form-field", settings.form_field,
                 "send each body as this field of multipart/form-data");
  app.add_option("--number", settings.number,
                 "summarise this number of the JSON answers, and the latency less it");
  CLI11_PARSE(app, argc, argv);
  return gantry::run(settings);
} catch (const std::exception& error) {
  std::fprintf(stderr, "http_load: %s\n", error.what());
  return 3;
}
