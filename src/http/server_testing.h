#pragma once

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ascii.h"
#include "gantry/base/unique_fd.h"
#include "gantry/http/server.h"

namespace gantry::http::server_testing {

inline constexpr std::string_view get_hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

/// An answer as received.
struct Answer {
  int status = 0;
  std::string head;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    for (std::size_t at = head.find("\r\n"); at != std::string::npos;
         at = head.find("\r\n", at + 2)) {
      const std::string_view line =
          std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
      const std::size_t colon = line.find(':');
      if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
        return std::string(line.substr(colon + 2));
      }
    }
    return {};
  }
};

/// A client that sends and receives bytes as the test says. Gives up after 20 s without a byte.
class Client {
 public:
  explicit Client(std::uint16_t port) : Client() { connect(port); }
  Client() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  void receive_buffer(int bytes) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  void connect(std::uint16_t port) { ASSERT_FALSE(refused(port)); }
  /// Connects; true if nobody listens.
  [[nodiscard]] bool refused(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd_.get() < 0 ||
           ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
  }

  /// False if the peer closed before it took all bytes.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// The next response; status 0 if the connection ended before one was complete.
  Answer read(bool to_head = false) {
    Answer answer;
    std::size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) {
        return answer;
      }
    }
    answer.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    const std::string length = to_head ? "" : answer.header("Content-Length");
    const std::size_t wanted = length.empty() ? 0 : std::stoul(length);
    while (received_.size() < wanted) {
      if (!receive()) {
        return answer;
      }
    }
    answer.body = received_.substr(0, wanted);
    received_.erase(0, wanted);
    answer.status = std::stoi(answer.head.substr(9, 3));
    return answer;
  }
  Answer exchange(std::string_view request) {
    send(request);
    return read();
  }
  /// True if the server closes without a further byte, in order or by a reset.
  bool closed_by_peer() { return received_.empty() && !receive() && errno_ != EAGAIN; }
  /// Everything until the end.
  std::string read_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  /// False at the end.
  bool read_a_byte() {
    char byte = 0;
    return ::recv(fd_.get(), &byte, 1, 0) == 1;
  }
  void shut_down_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }

 private:
  bool receive() {
    std::array<char, 65536> bytes{};
    errno_ = 0;
    const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      errno_ = count < 0 ? errno : 0;
      return false;
    }
    received_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }

  UniqueFd fd_;
  std::string received_;
  int errno_ = 0;
};

/// Events that a test waits for.
template <class T>
class Mailbox {
 public:
  void put(T item) {
    const std::scoped_lock lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  /// The oldest event that was not taken. Fails the test and returns a T{} if none comes in
  /// 20 s.
  T take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [this] { return !items_.empty(); })) {
      ADD_FAILURE() << "nothing came";
      return T{};
    }
    T item = std::move(items_.front());
    items_.erase(items_.begin());
    return item;
  }
  [[nodiscard]] std::size_t size() {
    const std::scoped_lock lock(mutex_);
    return items_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> items_;
};

inline Response text(std::string body) {
  return {.status = 200, .content_type = "text/plain", .body = std::move(body), .headers = {}};
}

inline std::string body_text(const Request& request) {
  return {reinterpret_cast<const char*>(request.body.data()), request.body.size()};
}

inline Response error_response(int status, std::string_view code, std::string_view message) {
  return {.status = status,
          .body = R"({"code":")" + std::string(code) + R"(","error":")" + std::string(message) +
                  R"("})",
          .headers = {}};
}

/// "GET /a?b=c [body]": what the handler got.
inline void echo(const std::shared_ptr<Exchange>& exchange) {
  const Request& request = exchange->request();
  std::string answer = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) {
    answer.append(" ").append(name).append("=").append(value);
  }
  answer.append(" [").append(body_text(request)).append("]");
  exchange->respond(text(std::move(answer)));
}

class ServerTest : public ::testing::Test {
 protected:
  std::uint16_t start(Handler handler = echo) {
    config.port = 0;
    auto started = Server::start(config, std::move(handler), error_response,
                                 [this](const ConnectionEvent& event) { events.put(event); });
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return 0;
    }
    server = *std::move(started);
    return server->port();
  }

  ServerConfig config;
  Mailbox<ConnectionEvent> events;
  std::unique_ptr<Server> server;  // last: its callbacks use the others
};

}  // namespace gantry::http::server_testing
