#include "answers.h"

#include <string>
#include <utility>

#include "json_text.h"

namespace gantry::api {

int http_status(Code code) noexcept {
  switch (code) {
    case Code::cancelled:
      return 499;  // never on the wire: for log and metrics, as nginx has it
    case Code::invalid_argument:
      return 400;
    case Code::deadline_exceeded:
      return 504;
    case Code::not_found:
      return 404;
    case Code::resource_exhausted:
      return 429;
    case Code::failed_precondition:
      return 422;
    case Code::out_of_range:
      return 413;
    case Code::unimplemented:
      return 415;
    case Code::internal:
      return 500;
    case Code::unavailable:
      return 503;
  }
  return 500;
}

http::Response json_answer(int status, std::string body) {
  body += '\n';
  return {
      .status = status, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

http::Response error_answer(int status, std::string_view code, std::string_view message) {
  std::string body = R"({"success":false,"error":)";
  append_string(body, message);
  body += R"(,"code":)";
  append_string(body, code);
  body += '}';
  return json_answer(status, std::move(body));
}

http::Response error_answer(const Error& error, int retry_after_seconds) {
  auto response = error_answer(http_status(error.code), code_name(error.code), error.message);
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  }
  if (response.status == 415) {
    response.headers.emplace_back("Accept-Encoding", "identity");  // RFC 9110, section 12.5.3
  }
  return response;
}

}  // namespace gantry::api
