#pragma once

#include <chrono>

#include "gantry/emulator_stream/conv_task.h"

namespace gantry::emulator {

/// Times per task (the kernel's hard and threaded interrupts) and per job (dispatch, including
/// attaching the IOMMU). Measured by others on RK3588 boards: rocket-npu.md F.
inline constexpr std::chrono::microseconds task_overhead{25};
inline constexpr std::chrono::microseconds job_overhead{50};
/// The kernel's watchdog: rocket-npu.md D.4.
inline constexpr std::chrono::milliseconds watchdog{500};

/// How long a core works on a task at this clock: the time of its multipliers or of its memory,
/// whichever is longer. This is a model and not a measurement; rocket-npu.md F says what it is
/// based on.
[[nodiscard]] std::chrono::nanoseconds task_time(const ConvTask& task, double clock_hz);

}  // namespace gantry::emulator
