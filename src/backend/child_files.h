#pragma once

// The descriptors that this program's children get. They begin at first_slot_file, also in a Task.
#include "gantry/sandbox/process.h"

namespace gantry::backend {

inline constexpr int model_descriptor = sandbox::first_descriptor + 1;
/// The proven results: npu-proof writes them, slot-worker reads them.
inline constexpr int outputs_descriptor = model_descriptor + 1;

/// The children's entry points, for run_child().
[[noreturn]] void run_trial(std::string_view wanted);
[[noreturn]] void run_npu_proof(const std::filesystem::path& library, std::size_t timed_runs);
[[noreturn]] void run_slot_worker(const std::filesystem::path& library);

}  // namespace gantry::backend
