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
  bool is_http_1_0 = false;  ///< the client, which must be told that we keep the connection
};

/// Writes status line and headers with the blank line into `out`, whose memory is used again. A
/// header of the response that we set ourselves, or whose name is not a token, is left out; control
/// characters in values become spaces, so that no foreign text can begin a header of its own.
void write_head(const Response& response, const ResponseContext& context, std::string& out);

/// 1xx, 204 and 304 have no body, whatever the response holds.
[[nodiscard]] bool may_have_body(int status);

[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace gantry::http
