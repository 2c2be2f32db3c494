#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::cli {

/// What the child that proved a model on a delegate library found.
struct ProofResult {
  bool passed = false;
  std::string words;  ///< the result, or why there is none
  std::size_t operators_npu = 0;
  std::size_t operators_cpu = 0;
  std::size_t partitions = 0;
  /// Medians of some invokes within the child, if they were asked for: the whole invoke, and the
  /// part of it that the delegate took (its conversions, its wait for the NPU, the NPU's work).
  double invoke_ms = 0, delegate_ms = 0;
  /// What the device gave, for its slots: proof::to_bytes() in memory without a name.
  UniqueFd outputs;

  /// A name for `outputs` that other processes of this user can open, while this process lives.
  [[nodiscard]] std::filesystem::path outputs_path() const;
};

/// Proves `model` on `library`, with the operators that the guard offers, in a child process that
/// is ended after `limit`. With `timed_runs` it then times so many invokes. Wrong results, a crash
/// and a hang are all results that did not pass. Errors: unavailable if no child can be started.
[[nodiscard]] Result<ProofResult> prove_in_child(
    const std::filesystem::path& library, const std::filesystem::path& model,
    std::chrono::milliseconds limit, std::size_t timed_runs = 0,
    const std::filesystem::path& program = "/proc/self/exe");

/// What stands for a proof where none is wanted: slots that are given its outputs compare nothing.
/// Errors: unavailable without memory.
[[nodiscard]] Result<ProofResult> without_proof();

}  // namespace gantry::cli
