#pragma once

// What this program's children are given: descriptors, from first_slot_file on (a Task's begin
// there too).
#include "gantry/sandbox/process.h"

namespace gantry::backend {

inline constexpr int model_descriptor = sandbox::first_descriptor + 1;
/// The proven results: to be written by npu-proof, to be read by slot-worker.
inline constexpr int outputs_descriptor = model_descriptor + 1;

/// Their entry points, for run_child(). None returns.
[[noreturn]] void run_trial(std::string_view wanted);
[[noreturn]] void run_npu_proof(const std::filesystem::path& library, std::size_t timed_runs);
[[noreturn]] void run_slot_worker(const std::filesystem::path& library);

}  // namespace gantry::backend
