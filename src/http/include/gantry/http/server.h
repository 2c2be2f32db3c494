#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/http/message.h"

namespace gantry::http {

/// Limits on what peers may use. They are enforced before memory is taken.
struct Limits {
  std::size_t max_body_bytes = std::size_t{32} << 20U;  ///< one request → 413
  std::size_t max_total_body_bytes = std::size_t{256}
                                     << 20U;  ///< all requests being read or worked on → 503
  std::size_t max_header_bytes = std::size_t{16} << 10U;  ///< → 431
  std::size_t max_connections = 1024;                     ///< beyond: 503 and closed
  std::chrono::milliseconds header_timeout{
      10'000};  ///< first byte of a request to end of its header → 408
  std::chrono::milliseconds body_timeout{60'000};  ///< end of header to end of body → 408
  std::chrono::milliseconds idle_timeout{75'000};  ///< between requests: closed silently
  std::chrono::milliseconds write_timeout{
      30'000};  ///< a peer that takes nothing of a response: closed
  std::chrono::milliseconds answer_timeout{
      60'000};  ///< first to last byte of a response, however steadily it is taken: closed
  /// After the last response of a connection the server goes on reading, so that a peer that is
  /// still sending sees the answer instead of a reset: at most this long and this many bytes.
  std::chrono::milliseconds linger_timeout{2'000};
  std::size_t linger_bytes = std::size_t{16} << 20U;
};

struct ServerConfig {
  std::string address = "127.0.0.1";  ///< IPv4 or IPv6 literal
  std::uint16_t port = 8080;          ///< 0: the system chooses one
  Limits limits;
  std::size_t io_threads = 2;  ///< connections go to these threads in turn
  std::string server_name = "gantry";
};

/// Why an answer was not written to its end.
enum class Cut : std::uint8_t {
  none,       ///< It was written to its end, or none was begun.
  peer_gone,  ///< The peer went away.
  stalled,    ///< The peer took nothing for Limits::write_timeout.
  too_slow,   ///< The peer had not taken all within Limits::answer_timeout.
};

/// Why a request did not become an exchange, or why its answer was not sent whole; for metrics and
/// the log.
struct ConnectionEvent {
  int status;  ///< the status sent, or 499 if the peer went away
  std::string peer;
  std::string message;
  std::string request_id;  ///< of the request in question; empty if there was none yet
  Cut cut = Cut::none;     ///< if not `none`: the answer was counted as sent before
};

/// HTTP/1.1 and 1.0 over TCP: keep-alive, pipelining (answered in order), chunked bodies, Expect:
/// 100-continue. One write per response. A client that closes its sending side counts as gone,
/// since it looks like one that hung up. Threads: thread-safe.
class Server {
 public:
  /// Binds and listens, so that port() is known and clients may connect, and starts the I/O
  /// threads. `on_event` is called on I/O threads. An exception from `handler` becomes a 500 and an
  /// event. Errors: unavailable naming address, port and the system's reason; invalid_argument for
  /// a bad address.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(
      ServerConfig config, Handler handler, ErrorResponse error_response,
      std::function<void(const ConnectionEvent&)> on_event = {});
  /// As stop() with a deadline that has passed.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::size_t connections() const noexcept;

  /// Stops accepting and closes idle connections. Exchanges may be answered until `deadline` (with
  /// Connection: close). Then closes everything and joins the threads. No callback runs after it
  /// returns, and answers to exchanges that still exist go nowhere. Do not call it from an I/O
  /// thread.
  /// False if a request was cut off: it was still being read, or had no answer yet, or its peer had
  /// not taken all of that. Connections without a request do not count.
  bool stop(Deadline deadline);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::http
