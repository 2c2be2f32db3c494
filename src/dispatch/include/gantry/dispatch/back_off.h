#pragma once

#include "gantry/base/deadline.h"

namespace gantry::dispatch {

/// How long to wait before the next try after a failure: `first`, then twice as long each time, at
/// most `most`. Threads: thread-bound.
class BackOff {
 public:
  /// `first` is positive and no more than `most`.
  constexpr BackOff(Clock::duration first, Clock::duration most) : first_(first), most_(most) {}

  /// Call it after a failure: the time to wait now.
  [[nodiscard]] constexpr Clock::duration next() {
    // Compared before it is doubled, so that nothing overflows.
    if (wait_ == Clock::duration::zero()) {
      wait_ = first_;
    } else {
      wait_ = wait_ > most_ / 2 ? most_ : wait_ * 2;
    }
    return wait_;
  }
  /// Call it after a success.
  constexpr void reset() { wait_ = {}; }

 private:
  Clock::duration first_;
  Clock::duration most_;
  Clock::duration wait_{};
};

}  // namespace gantry::dispatch
