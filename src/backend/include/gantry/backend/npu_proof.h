#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "gantry/backend/self.h"
#include "gantry/base/error.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/model_file/model_file.h"

namespace gantry::backend {

/// What the child that proved a model on a delegate library found.
struct ProofResult {
  bool passed = false;  ///< only where the child said so and ended well
  bool is_complete =
      false;  ///< it compared results, right or wrong; else `words` says what kept it
  /// The child could not execute this program, so that nothing is known (it ended with 127, which
  /// is how that shows under user-mode emulation).
  bool could_not_start = false;
  std::string words = {};  ///< the result, or why there is none
  std::size_t operators_npu = 0;
  std::size_t operators_cpu = 0;
  std::size_t partitions = 0;
  /// Medians of some invokes within the child, if they were asked for: the whole invoke, and the
  /// part of it that the delegate took (its conversions, its wait for the NPU, the NPU's work).
  double invoke_ms = 0, delegate_ms = 0;
  double cpu_ms = 0;         ///< the same model by TensorFlow Lite's kernels, one thread
  SealedBytes outputs = {};  ///< what the device gave, for its slots: proof::to_bytes()
};

/// Proves `model` on `library`, with the operators that the guard offers, in a child process that
/// is ended after `limit`. With `timed_runs` it then times so many invokes. Wrong results, a crash
/// and a hang are all results that did not pass. Errors: unavailable if no child can be started.
[[nodiscard]] Result<ProofResult> prove_in_child(const std::filesystem::path& library,
                                                 const model_file::ModelFile& model,
                                                 std::chrono::milliseconds limit,
                                                 std::size_t timed_runs = 0, const Self& self = {});

/// What stands for a proof where none is wanted: slots that are given its outputs compare nothing.
/// Errors: unavailable without memory.
[[nodiscard]] Result<ProofResult> without_proof();

}  // namespace gantry::backend
