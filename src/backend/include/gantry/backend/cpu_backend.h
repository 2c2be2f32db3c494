#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/tflite/session.h"

namespace gantry::xnnpack {
class Backend;
}

namespace gantry::backend {

/// Which kernels compute a model on the CPU.
enum class CpuBackendWanted : std::uint8_t {
  automatic,  ///< XNNPACK's if they are available and proven, else TensorFlow Lite's
  xnnpack,    ///< XNNPACK's for the operators that it has, or the model is refused
  tflite,     ///< only TensorFlow Lite's
};
/// "auto", "xnnpack", "tflite".
[[nodiscard]] std::string_view cpu_backend_wanted_name(CpuBackendWanted wanted) noexcept;

/// The kernels that compute a model on the CPU.
struct CpuReport {
  /// For operators_xnnpack operators; TensorFlow Lite's kernels compute the rest.
  bool is_xnnpack = false;
  std::string reason = {};            ///< why XNNPACK is not used, a sentence; empty if it is
  std::size_t operators = 0;          ///< of the model; 0 if XNNPACK was not looked at
  std::size_t operators_xnnpack = 0;  ///< operators that XNNPACK computes
  std::size_t partitions = 0;         ///< groups of operators that XNNPACK runs as one
  std::string proof_words =
      {};  ///< "largest difference 1 step at 1 partition output"; may be empty
};
/// "xnnpack" or "tflite".
[[nodiscard]] std::string_view cpu_backend_name(const CpuReport& report) noexcept;

/// What a trial says of XNNPACK, for a model that TensorFlow Lite's kernels could run.
struct Tried {
  bool is_proven = false;        ///< true only if the trial's child said that the proof passed
  std::string refusal = {};      ///< if not proven: why XNNPACK is not used, a sentence
  std::string proof_words = {};  ///< if proven: for CpuReport::proof_words
};

/// Makes a model's sessions on the CPU. All sessions share XNNPACK's packed weights. Threads:
/// thread-safe, except fall_back(): call it before other threads know the object.
class CpuBackend {
 public:
  /// Chooses the kernels by the graph and by the libraries of this host; runs nothing. Errors:
  /// failed_precondition with the reason if XNNPACK is wanted and cannot be used.
  [[nodiscard]] static Result<CpuBackend> create(std::shared_ptr<const tflite::Model> model,
                                                 CpuBackendWanted wanted);

  /// create(), then the result of the trial, or prove() if there was no trial. XNNPACK is not used
  /// unless it is proven. Errors: those of create(); failed_precondition if XNNPACK is wanted and
  /// not proven.
  [[nodiscard]] static Result<CpuBackend> load(std::shared_ptr<const tflite::Model> model,
                                               CpuBackendWanted wanted,
                                               const std::optional<Tried>& tried);

  /// Makes a session. This object sets SessionOptions::delegations. `threads` holds for XNNPACK,
  /// too.
  /// Errors: those of tflite::Session::create.
  [[nodiscard]] Result<std::unique_ptr<tflite::Session>> session(
      tflite::SessionOptions options) const;

  /// Makes `count` sessions as execution slots. With `warm_up` all of them run once on zeros, at
  /// the same time, as they will run later. Errors: those of session() and of an invoke.
  [[nodiscard]] Result<std::vector<std::unique_ptr<dispatch::ExecutionSlot>>> slots(
      std::size_t count, const tflite::SessionOptions& options, bool warm_up) const;

  /// Proves that XNNPACK computes this model as TensorFlow Lite's own kernels do: proof::prove on
  /// one test input, one invoke of each if all is right. Passes at once if XNNPACK computes
  /// nothing.
  /// Errors: failed_precondition with the difference and the first wrong operator; those of
  ///         TensorFlow Lite.
  /// `before_xnnpack` is called after TensorFlow Lite's kernels have run and
  /// before XNNPACK runs. A failure or a crash before that call is not XNNPACK's fault.
  [[nodiscard]] Result<> prove(const std::function<void()>& before_xnnpack = {});

  /// Says that XNNPACK failed for this reason: from now on TensorFlow Lite's kernels compute
  /// everything. False, and nothing changes, if they did so already or if CpuBackendWanted::xnnpack
  /// is set.
  [[nodiscard]] bool fall_back(std::string reason);
  /// Calls make(*this). If that fails and fall_back() succeeds, calls it once more.
  template <class Make>
  [[nodiscard]] auto made_by(const Make& make) {
    auto made = make(*this);
    if (!made && fall_back(made.error().message)) {
      made = make(*this);
    }
    return made;
  }

  [[nodiscard]] const CpuReport& report() const noexcept { return report_; }

 private:
  std::shared_ptr<const tflite::Model> model_;
  CpuBackendWanted wanted_ = CpuBackendWanted::automatic;
  std::shared_ptr<xnnpack::Backend> xnnpack_;  ///< null: only TensorFlow Lite's kernels
  CpuReport report_;
};

}  // namespace gantry::backend
