#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "body.h"
#include "gantry/http/message.h"
#include "problem.h"

namespace gantry::http {

/// What a request's header says about the request.
struct Head {
  bool is_http_1_0 = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
};

/// Boost.Beast's parser and the checks on top of it. One object reads request after request.
/// Threads: reentrant.
class RequestParser {
 public:
  explicit RequestParser(std::size_t max_header_bytes);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Reads a whole header, as HeaderScan found it, into `request` (method, target, path, query,
  /// headers, and id if the client gave a good one). If there is a problem, the fields that were
  /// understood are still filled in.
  [[nodiscard]] std::optional<Problem> parse_head(std::string_view bytes, Request& request,
                                                  Head& head);

  struct Fed {
    std::size_t used = 0;  ///< bytes that were used; pass the others again, with further bytes
    bool complete = false;
    std::optional<Problem> problem;
  };
  /// Reads more of the chunked body of the request whose header was parsed last.
  [[nodiscard]] Fed feed_chunked(std::string_view bytes, BodyReader& body);

 private:
  class Beast;
  std::unique_ptr<Beast> beast_;
};

}  // namespace gantry::http
