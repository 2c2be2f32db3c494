#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "problem.h"

namespace gantry::http {

/// Looks for the end of a request's header while it arrives. It also looks for bytes that cannot be
/// part of a header, so that garbage, a TLS handshake or a bare line feed is refused at its first
/// byte and not after a timeout. It looks at each byte once. Threads: reentrant.
class HeaderScan {
 public:
  /// `bytes`: all bytes of this request so far, including those of earlier calls. Returns true once
  /// the blank line has come; `size()` is then the header's length including that line.
  [[nodiscard]] bool scan(std::string_view bytes);
  /// What is wrong, after a scan() that returned false.
  [[nodiscard]] const std::optional<Problem>& problem() const noexcept { return problem_; }
  [[nodiscard]] std::size_t size() const noexcept { return at_; }
  void reset() noexcept;

 private:
  [[nodiscard]] bool refuse(const char* message);

  std::size_t at_ = 0;    // bytes looked at
  std::size_t line_ = 0;  // where the present line begins
  bool in_method_ = true;
  std::optional<Problem> problem_;
};

}  // namespace gantry::http
