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

/// What a peer may cost us. All settable, all enforced before the memory is taken.
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
  /// After the last response of a connection we still read, so that a peer in the middle of sending
  /// gets to see the answer instead of a reset: at most this long and this much.
  std::chrono::milliseconds linger_timeout{2'000};
  std::size_t linger_bytes = std::size_t{16} << 20U;
};

struct ServerConfig {
  std::string address = "127.0.0.1";  ///< IPv4 or IPv6 literal
  std::uint16_t port = 8080;          ///< 0: one that the system gives
  Limits limits;
  std::size_t io_threads = 2;  ///< connections are dealt out to them in turn
  std::string server_name = "gantry";
};

/// Why an answer was not written to its end.
enum class Cut : std::uint8_t {
  none,       ///< It was, or none was begun.
  peer_gone,  ///< The peer went away.
  stalled,    ///< The peer took nothing for Limits::write_timeout.
  too_slow,   ///< The peer had not taken all within Limits::answer_timeout.
};

/// Why a request never became an exchange or got no answer; for metrics and the log.
struct ConnectionEvent {
  int status;  ///< the status sent, or 499 if the peer went away
  std::string peer;
  std::string message;
  std::string request_id;  ///< of the request that it happened to; empty if there was none yet
  Cut cut = Cut::none;     ///< other: the answer had been counted as sent
};

/// HTTP/1.1 and 1.0 over TCP: keep-alive, pipelining (answered in order), chunked bodies, Expect:
/// 100-continue. One write per response. A client that closes its sending side counts as gone,
/// since it can't be told from one that hung up. Threads: thread-safe.
class Server {
 public:
  /// Binds and listens, so that port() is known and clients may connect, and starts the I/O
  /// threads. `on_event` is called on I/O threads. An exception from `handler` becomes a 500 and an
  /// event. Errors: unavailable naming address, port and the system's reason; invalid_argument for
  /// a bad address.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(
      ServerConfig config, Handler handler, ErrorResponse error_response,
      std::function<void(const ConnectionEvent&)> on_event = {});
  /// As stop() with a deadline of now.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::size_t connections() const noexcept;

  /// Stops accepting, closes idle connections, lets exchanges be answered until `deadline`
  /// (with Connection: close), then closes everything and joins its threads. Nothing is called back
  /// after it returns; exchanges that outlive it are answered into the void. Not from an I/O
  /// thread.
  void stop(Deadline deadline);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::http
