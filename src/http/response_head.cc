#include "response_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ascii.h"
#include "gantry/base/format.h"

namespace gantry::http {
namespace {

constexpr std::array ours = {"Connection", "Content-Length", "Content-Type",      "Date",
                             "Keep-Alive", "Server",         "Transfer-Encoding", "X-Request-Id"};

void append_value(std::string_view value, std::string& out) {
  for (const char c : value) {
    out.push_back(is_control(c) && c != '\t' ? ' ' : c);
  }
}

void append_header(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ");
  append_value(value, out);
  out.append("\r\n");
}

void append_number(std::size_t number, std::string& out) {
  std::array<char, 24> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view DateCache::at(std::time_t now) {
  if (now != second_) {
    constexpr std::array days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&now, &utc);
    // Not strftime: its names follow the locale.
    text_ = format_text("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                        days.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                        months.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                        utc.tm_hour, utc.tm_min, utc.tm_sec);
    second_ = now;
  }
  return text_;
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

void write_head(const Response& response, const ResponseContext& context, std::string& out) {
  out.clear();
  out.append("HTTP/1.1 ");
  append_number(static_cast<std::size_t>(std::clamp(response.status, 100, 999)), out);
  out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  append_header("Server", context.server_name, out);
  append_header("Date", context.date, out);
  if (may_have_body(response.status)) {
    if (!response.content_type.empty()) {
      append_header("Content-Type", response.content_type, out);
    }
    out.append("Content-Length: ");
    append_number(response.body.size(), out);
    out.append("\r\n");
  }
  append_header("X-Request-Id", context.request_id, out);
  if (!context.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (context.is_http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    const bool is_token = !name.empty() && std::ranges::all_of(name, is_tchar);
    const bool is_ours = std::ranges::any_of(
        ours, [&name](std::string_view own) { return equals_ignoring_case(own, name); });
    if (is_token && !is_ours) {
      append_header(name, value, out);
    }
  }
  out.append("\r\n");
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Other";
  }
}

}  // namespace gantry::http
