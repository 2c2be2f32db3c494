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

/// The result of the child process that proves a model on a delegate library.
struct ProofResult {
  bool passed = false;  ///< true only if the child said so and ended with 0
  bool is_complete =
      false;  ///< it compared the results, right or wrong; else `words` says why it did not
  /// The child could not execute this program, so nothing is known. Under user-mode emulation this
  /// shows as exit code 127.
  bool could_not_start = false;
  std::string words = {};  ///< the result, or why there is none
  std::size_t operators_npu = 0;
  std::size_t operators_cpu = 0;
  std::size_t partitions = 0;
  /// Medians over the timed invokes in the child, if `timed_runs` was not 0: the whole invoke, and
  /// the delegate's part of it (conversions, waiting for the NPU, the NPU's work).
  double invoke_ms = 0, delegate_ms = 0;
  double cpu_ms = 0;         ///< the same model by TensorFlow Lite's kernels, one thread
  SealedBytes outputs = {};  ///< the device's results, for its slots, as of proof::to_bytes()
};

/// Proves `model` on `library` in a child process, with the operators that the guard offers. Then
/// times `timed_runs` invokes. The child is killed after `limit`. Wrong results, a crash and a hang
/// are no errors, but results that did not pass. Errors: unavailable if no child can be started.
[[nodiscard]] Result<ProofResult> prove_in_child(const std::filesystem::path& library,
                                                 const model_file::ModelFile& model,
                                                 std::chrono::milliseconds limit,
                                                 std::size_t timed_runs = 0, const Self& self = {});

/// The result to use if no proof is wanted: slots that get its outputs compare nothing.
/// Errors: unavailable without memory.
[[nodiscard]] Result<ProofResult> without_proof();

}  // namespace gantry::backend
