#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

#include "gantry/http/message.h"

namespace gantry::http {

/// The value of a Date header, made once a second. Threads: reentrant.
class DateCache {
 public:
  /// `now`: seconds since 1970.
  [[nodiscard]] std::string_view at(std::time_t now);

 private:
  std::time_t second_ = -1;
  std::string text_;
};

struct ResponseContext {
  std::string_view server_name;
  std::string_view date;
  std::string_view request_id;
  bool keep_alive = true;
  bool is_http_1_0 = false;  ///< of the client, which must be told if the connection is kept
};

/// Writes the status line, the headers and the blank line into `out`, whose memory is reused. A
/// header of the response is left out if the server sets it, or if its name is not a token. Control
/// characters in values become spaces, so that foreign text cannot begin another header.
void write_head(const Response& response, const ResponseContext& context, std::string& out);

/// 1xx, 204 and 304 have no body, whatever the response holds.
[[nodiscard]] bool may_have_body(int status);

[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace gantry::http
