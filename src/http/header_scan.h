#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "problem.h"

namespace gantry::http {

/// Looks for the end of a request's header while it arrives, and for what can't become one: so that
/// garbage, a TLS handshake or a bare line feed is refused at its first byte and not when the peer
/// has waited for a timeout. Each byte is looked at once. Threads: reentrant.
class HeaderScan {
 public:
  /// `bytes`: all of this request so far; what was there at the last call must be there still.
  /// Returns true once the blank line is there; `size()` is then the header's length with it.
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
