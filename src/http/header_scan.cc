#include "header_scan.h"

#include "ascii.h"

namespace gantry::http {
namespace {

// The longest registered method has 17 letters (UPDATEREDIRECTREF).
constexpr std::size_t max_method_bytes = 32;
// The first byte of a TLS record that holds a handshake.
constexpr char tls_handshake = 0x16;

}  // namespace

void HeaderScan::reset() noexcept {
  at_ = 0;
  line_ = 0;
  in_method_ = true;
  problem_.reset();
}

bool HeaderScan::refuse(const char* message) {
  problem_ = Problem{400, "malformed_request", message};
  return false;
}

bool HeaderScan::scan(std::string_view bytes) {
  if (problem_) {
    return false;
  }
  for (; at_ < bytes.size(); ++at_) {
    const char c = bytes[at_];
    if (in_method_) {
      if (c == ' ' && at_ > 0) {
        in_method_ = false;
      } else if (!is_tchar(c) || at_ >= max_method_bytes) {
        return refuse(at_ == 0 && c == tls_handshake
                          ? "this is a TLS handshake: the server speaks plain http:// here"
                          : "this is not HTTP: want a request line such as GET / HTTP/1.1");
      }
      continue;
    }
    if (at_ > 0 && bytes[at_ - 1] == '\r' && c != '\n') {
      return refuse("the header has a carriage return without a line feed");
    }
    if (c == '\n') {
      if (bytes[at_ - 1] != '\r') {
        return refuse("the header has a line feed without a carriage return");
      }
      const bool blank = at_ - line_ == 1;
      line_ = at_ + 1;
      if (blank) {
        ++at_;
        return true;
      }
    } else if (is_control(c) && c != '\r' && c != '\t') {
      return refuse("the header has a control character");
    }
  }
  return false;
}

}  // namespace gantry::http
