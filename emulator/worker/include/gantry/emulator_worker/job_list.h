#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/emulator_device/device.h"

namespace gantry::emulator {

/// Reads what Op::submit carries. Allocates in proportion to the size of `bytes`, whatever counts
/// they contain.
/// Errors: invalid_argument if the bytes are not a list of jobs.
[[nodiscard]] Result<std::vector<JobRequest>> read_jobs(std::span<const std::byte> bytes);

}  // namespace gantry::emulator
