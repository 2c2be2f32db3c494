#include "request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>
#include <utility>

#include "ascii.h"
#include "gantry/base/text.h"
#include "target.h"

namespace gantry::http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t max_headers = 128;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Beast's callbacks, into our own types: its message classes would allocate every field once more.
class BeastParser final : public beast::http::basic_parser<true> {
 public:
  using Code = beast::error_code;

  BeastParser(Request& request, std::size_t max_header_bytes) : request_(&request) {
    header_limit(static_cast<std::uint32_t>(max_header_bytes));
    body_limit(boost::none);  // BodyReader's business
    eager(false);             // stop behind the header
  }

  void forget_request() { request_ = nullptr; }
  void read_body_into(BodyReader* body) { body_ = body; }
  [[nodiscard]] std::optional<Problem>& problem() { return problem_; }
  [[nodiscard]] bool is_http_1_0() const { return version_ == 10; }
  [[nodiscard]] std::size_t hosts() const { return hosts_; }
  [[nodiscard]] bool has_foreign_coding() const { return foreign_coding_; }
  [[nodiscard]] const std::optional<std::string>& expectation() const { return expectation_; }

 private:
  void refuse(Problem problem, Code& code) {
    problem_ = std::move(problem);
    code = beast::http::make_error_code(beast::http::error::bad_field);
  }

  void on_request_impl(beast::http::verb /*method*/, beast::string_view method,
                       beast::string_view target, int version, Code& code) override {
    version_ = version;
    request_->method = view(method);
    request_->target = view(target);
    auto parsed = http::parse_target(request_->method, request_->target);
    if (!parsed) {
      refuse({400, "malformed_request", std::move(parsed.error().message)}, code);
      return;
    }
    request_->path = std::move(parsed->path);
    request_->query = std::move(parsed->query);
  }

  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     Code& code) override {
    if (request_->headers.size() == max_headers) {
      refuse({431, "header_too_large",
              "the request has more than " + std::to_string(max_headers) + " header fields"},
             code);
      return;
    }
    request_->headers.emplace_back(view(name), view(value));
    switch (field) {
      case beast::http::field::host:
        ++hosts_;
        break;
      case beast::http::field::transfer_encoding:
        foreign_coding_ = foreign_coding_ || !equals_ignoring_case(view(value), "chunked");
        break;
      case beast::http::field::expect:
        expectation_ = view(value);
        break;
      default:
        if (equals_ignoring_case(view(name), "X-Request-Id") && is_request_id(view(value))) {
          request_->id = view(value);
        }
    }
  }

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view piece,
                                 Code& code) override {
    if (auto problem = body_->append(view(piece))) {
      refuse(*std::move(problem), code);
    }
    return piece.size();
  }

  // A trailer comes after we have decided by the header; nobody asks for one.
  void on_trailer_field_impl(beast::http::field /*field*/, beast::string_view /*name*/,
                             beast::string_view /*value*/, Code& /*code*/) override {}
  void on_response_impl(int /*status*/, beast::string_view /*reason*/, int /*version*/,
                        Code& /*code*/) override {}
  void on_header_impl(Code& /*code*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         Code& /*code*/) override {}
  std::size_t on_body_impl(beast::string_view piece, Code& /*code*/) override {
    return piece.size();
  }
  // A chunk that will not fit is refused when it is announced, as a Content-Length is.
  void on_chunk_header_impl(std::uint64_t size, beast::string_view /*extensions*/,
                            Code& code) override {
    if (auto problem = body_->refusal_of(size)) {
      refuse(*std::move(problem), code);
    }
  }
  void on_finish_impl(Code& /*code*/) override {}

  Request* request_;
  BodyReader* body_ = nullptr;
  std::optional<Problem> problem_;
  int version_ = 11;
  std::size_t hosts_ = 0;
  bool foreign_coding_ = false;
  std::optional<std::string> expectation_;
};

// Of "GET / HTTP/2": a version that HTTP may well have, only not here.
bool names_a_version(std::string_view request_line) {
  const std::size_t target = request_line.find(' ');
  const std::size_t at = request_line.find(' ', target + 1);
  if (target == std::string_view::npos || at == std::string_view::npos) {
    return false;
  }
  std::string_view version = request_line.substr(at + 1);
  if (!version.starts_with("HTTP/")) {
    return false;
  }
  version.remove_prefix(5);
  const std::size_t dot = std::min(version.find('.'), version.size());
  return dot > 0 && dot + 1 != version.size() &&
         std::ranges::all_of(version.substr(0, dot), is_digit) &&
         std::ranges::all_of(version.substr(std::min(dot + 1, version.size())), is_digit);
}

Problem malformed(std::string message) { return {400, "malformed_request", std::move(message)}; }

// In words for who wrote the client; Beast's own are short.
Problem head_problem(const beast::error_code& code, std::string_view bytes) {
  using beast::http::error;
  const std::string_view request_line = bytes.substr(0, bytes.find("\r\n"));
  if (code == error::bad_version) {
    return names_a_version(request_line)
               ? Problem{505, "version_not_supported",
                         "want HTTP/1.1 or HTTP/1.0, got " + in_quotes(request_line)}
               : malformed("want a request line such as GET / HTTP/1.1, got " +
                           in_quotes(request_line));
  }
  if (code == error::header_limit || code == error::need_more) {
    return {431, "header_too_large", "the header or one of its folded lines is too long"};
  }
  if (code == error::bad_method || code == error::bad_target) {
    return malformed("want a request line such as GET / HTTP/1.1, got " + in_quotes(request_line));
  }
  if (code == error::bad_content_length) {
    return malformed("Content-Length is not a number, or stands beside Transfer-Encoding");
  }
  if (code == error::multiple_content_length) {
    return malformed("there are several Content-Length headers that differ");
  }
  if (code == error::bad_transfer_encoding) {
    return malformed(
        "Transfer-Encoding must be chunked, once, in HTTP/1.1, without Content-Length");
  }
  return malformed("the header is malformed: " + code.message());
}

Problem chunk_problem(const beast::error_code& code) {
  if (code == beast::http::error::header_limit) {
    return {431, "header_too_large", "the trailer is too long"};
  }
  return malformed("the chunked body is malformed: " + code.message());
}

std::optional<Problem> check(const BeastParser& parser, Head& head) {
  if (parser.hosts() > 1 || (parser.hosts() == 0 && !parser.is_http_1_0())) {
    return malformed("want one Host header, got " + std::to_string(parser.hosts()));
  }
  if (parser.has_foreign_coding()) {
    return Problem{501, "not_implemented", "Transfer-Encoding: only chunked is understood"};
  }
  // RFC 9110 10.1.1: a 1.0 client can't expect anything.
  const std::optional<std::string>& expectation = parser.expectation();
  if (expectation && !parser.is_http_1_0()) {
    if (!equals_ignoring_case(*expectation, "100-continue")) {
      return Problem{417, "expectation_failed",
                     "Expect: want 100-continue, got " + in_quotes(*expectation)};
    }
    head.expects_continue = true;
  }
  return std::nullopt;
}

}  // namespace

class RequestParser::Beast {
 public:
  explicit Beast(std::size_t max_header_bytes) : max_header_bytes_(max_header_bytes) {}

  BeastParser& start(Request& request) { return parser_.emplace(request, max_header_bytes_); }
  BeastParser& current() { return *parser_; }

 private:
  std::size_t max_header_bytes_;
  std::optional<BeastParser> parser_;  // Beast's can't be used for a second message
};

RequestParser::RequestParser(std::size_t max_header_bytes)
    : beast_(std::make_unique<Beast>(max_header_bytes)) {}
RequestParser::~RequestParser() = default;

std::optional<Problem> RequestParser::parse_head(std::string_view bytes, Request& request,
                                                 Head& head) {
  head = {};
  BeastParser& parser = beast_->start(request);
  beast::error_code code;
  // Not eager: one call reads up to the end of the header.
  const std::size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
  parser.forget_request();
  head.is_http_1_0 = parser.is_http_1_0();
  if (code) {
    return parser.problem() ? std::move(parser.problem()) : head_problem(code, bytes);
  }
  if (!parser.is_header_done() || used != bytes.size()) {
    return malformed("the header ends before its blank line");
  }
  if (auto problem = check(parser, head)) {
    return problem;
  }
  head.keep_alive = parser.keep_alive();
  head.chunked = parser.chunked();
  if (const auto length = parser.content_length()) {
    head.content_length = *length;
  }
  return std::nullopt;
}

RequestParser::Fed RequestParser::feed_chunked(std::string_view bytes, BodyReader& body) {
  BeastParser& parser = beast_->current();
  parser.eager(true);
  parser.read_body_into(&body);
  Fed fed;
  while (!parser.is_done() && fed.used < bytes.size()) {
    beast::error_code code;
    const std::string_view rest = bytes.substr(fed.used);
    const std::size_t used = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), code);
    fed.used += used;
    if (code == beast::http::error::need_more) {
      break;
    }
    if (code) {
      fed.problem = parser.problem() ? std::move(parser.problem()) : chunk_problem(code);
      break;
    }
  }
  fed.complete = parser.is_done();
  return fed;
}

}  // namespace gantry::http
