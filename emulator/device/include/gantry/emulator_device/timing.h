#pragma once

#include <chrono>

#include "gantry/emulator_stream/conv_task.h"

namespace gantry::emulator {

/// Time of the kernel's hard and threaded interrupt for each task, and of dispatch (with attaching
/// the IOMMU) for each job. Measured by others on RK3588 boards: rocket-npu.md F.
inline constexpr std::chrono::microseconds task_overhead{25};
inline constexpr std::chrono::microseconds job_overhead{50};
/// The kernel's: rocket-npu.md D.4.
inline constexpr std::chrono::milliseconds watchdog{500};

/// How long a core works on a task at this clock: its multipliers or its memory, whichever takes
/// longer. A model, not a measurement: rocket-npu.md F says what it rests on.
[[nodiscard]] std::chrono::nanoseconds task_time(const ConvTask& task, double clock_hz);

}  // namespace gantry::emulator
