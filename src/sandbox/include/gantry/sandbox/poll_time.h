#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "gantry/base/deadline.h"

namespace gantry::sandbox {

/// The timeout for poll(): milliseconds until `deadline`, rounded up; -1 if it is never.
[[nodiscard]] inline int poll_time(Deadline deadline) {
  if (deadline.is_never()) {
    return -1;
  }
  const std::int64_t left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline.time() - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::int64_t{1} << 30U));
}

}  // namespace gantry::sandbox
