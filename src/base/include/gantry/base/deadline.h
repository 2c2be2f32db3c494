#pragma once

#include <chrono>

namespace gantry {

/// The clock of everything that waits or measures: monotonic, not wall time.
using Clock = std::chrono::steady_clock;

/// A moment after which nobody waits any more.
class Deadline {
 public:
  [[nodiscard]] static Deadline after(Clock::duration wait) {
    return Deadline(Clock::now() + wait);
  }
  [[nodiscard]] static constexpr Deadline never() { return Deadline(Clock::time_point::max()); }

  constexpr explicit Deadline(Clock::time_point at) : at_(at) {}
  [[nodiscard]] constexpr Clock::time_point time() const { return at_; }
  [[nodiscard]] constexpr bool is_never() const { return at_ == Clock::time_point::max(); }
  [[nodiscard]] bool has_passed() const { return !is_never() && Clock::now() >= at_; }

  friend constexpr auto operator<=>(const Deadline&, const Deadline&) = default;

 private:
  Clock::time_point at_;
};

/// Milliseconds with a fraction, the unit of every `*_ms` number we print.
[[nodiscard]] constexpr double to_ms(Clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}
/// Seconds with a fraction, the unit of every metric.
[[nodiscard]] constexpr double to_seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace gantry
