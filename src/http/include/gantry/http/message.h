#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/deadline.h"

namespace gantry::http {

/// One request, read completely. Header names are compared without regard to case.
struct Request {
  std::string method;  ///< "GET"
  std::string target;  ///< as sent: "/infer?top_k=3"
  std::string path;    ///< percent-decoded, without the query: "/infer"
  std::vector<std::pair<std::string, std::string>> query;    ///< decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  ///< in order
  std::vector<std::byte> body;
  std::string id;               ///< X-Request-Id if it is well-formed, else made here
  std::string peer;             ///< "127.0.0.1:40312"
  Clock::time_point started;    ///< when its first byte was there
  Clock::duration read_time{};  ///< from then until its last byte

  /// The first header of that name; empty if there is none.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// The last query parameter of that name.
  [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
};

/// An answer. The server adds Content-Length, Date, Server, Connection and X-Request-Id.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// One request waiting for its answer. The connection and the code that works on the request share
/// it.
/// Threads: thread-safe.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// Unchanged from the moment the handler gets the exchange, except that the handler may move the
  /// body out.
  [[nodiscard]] virtual Request& request() noexcept = 0;
  /// Sends the answer. Only the first call counts; later calls, and calls after the client has
  /// gone, do nothing. `written`, if given, is called once on an I/O thread with the time that the
  /// write took, or never if the client goes.
  virtual void respond(Response response, std::function<void(Clock::duration)> written = {}) = 0;
  /// Calls `gone` once, on an I/O thread, if the client hangs up before respond(); at once if it
  /// has hung up already.
  virtual void on_disconnect(std::function<void()> gone) = 0;
  /// Calls `late` once on an I/O thread at `deadline`, unless respond() came first.
  virtual void on_deadline(Deadline deadline, std::function<void()> late) = 0;
};

/// Called on an I/O thread with each request; must not block.
using Handler = std::function<void(std::shared_ptr<Exchange>)>;

/// Makes the answers that the server gives by itself (400 malformed, 408, 413, 431, 503 …): takes
/// the status and a sentence, and returns the complete response. `code` is a word such as
/// "payload_too_large".
using ErrorResponse =
    std::function<Response(int status, std::string_view code, std::string_view message)>;

}  // namespace gantry::http
