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

/// Whose kernels compute a model on the CPU.
enum class CpuBackendWanted : std::uint8_t {
  automatic,  ///< XNNPACK's where they are there and right, else TensorFlow Lite's
  xnnpack,    ///< XNNPACK's for what it has, or the model is refused
  tflite,     ///< TensorFlow Lite's alone
};
/// "auto", "xnnpack", "tflite".
[[nodiscard]] std::string_view cpu_backend_wanted_name(CpuBackendWanted wanted) noexcept;

/// What computes a model on the CPU.
struct CpuReport {
  bool is_xnnpack = false;    ///< for the operators below; TensorFlow Lite's kernels do the rest
  std::string reason = {};    ///< why not, a sentence; empty if it is
  std::size_t operators = 0;  ///< of the model; 0 where nobody had to know
  std::size_t operators_xnnpack = 0;  ///< of them
  std::size_t partitions = 0;         ///< groups that XNNPACK runs as one
  std::string proof_words =
      {};  ///< "largest difference 1 step at 1 partition output"; may be empty
};
/// "xnnpack" or "tflite".
[[nodiscard]] std::string_view cpu_backend_name(const CpuReport& report) noexcept;

/// What a trial found out about XNNPACK, of a model that TensorFlow Lite's kernels ran.
struct Tried {
  bool is_proven = false;        ///< only where the trial's child said that the proof passed
  std::string refusal = {};      ///< else why XNNPACK is not to be used, a sentence
  std::string proof_words = {};  ///< CpuReport's, where it is proven
};

/// Makes a model's sessions on the CPU, which have XNNPACK's packed weights in common.
/// Threads: thread-safe; fall_back() before others know it.
class CpuBackend {
 public:
  /// Decides by the graph and by what this host has; runs nothing.
  /// Errors: failed_precondition with the reason if XNNPACK is wanted and cannot be.
  [[nodiscard]] static Result<CpuBackend> create(std::shared_ptr<const tflite::Model> model,
                                                 CpuBackendWanted wanted);

  /// create(), then what a trial has found, or without one prove(): what is not proven is not used.
  /// Errors: those of create(); failed_precondition if XNNPACK is wanted and was found wrong.
  [[nodiscard]] static Result<CpuBackend> load(std::shared_ptr<const tflite::Model> model,
                                               CpuBackendWanted wanted,
                                               const std::optional<Tried>& tried);

  /// A session; SessionOptions::delegations are this object's to fill. `threads` are XNNPACK's too.
  /// Errors: those of tflite::Session::create.
  [[nodiscard]] Result<std::unique_ptr<tflite::Session>> session(
      tflite::SessionOptions options) const;

  /// So many sessions as execution slots; with `warm_up` each has run once, on zeros, all at the
  /// same time, as they will run later. Errors: those of session() and of an invoke.
  [[nodiscard]] Result<std::vector<std::unique_ptr<dispatch::ExecutionSlot>>> slots(
      std::size_t count, const tflite::SessionOptions& options, bool warm_up) const;

  /// Whether XNNPACK computes this model as TensorFlow Lite's own kernels do (proof::prove, on one
  /// test input; an invoke of each if all is right). Right at once where nothing is XNNPACK's.
  /// Errors: failed_precondition, with what is wrong and the first operator that is; those of
  ///         TensorFlow Lite.
  /// `before_xnnpack` is called once TensorFlow Lite's kernels are done with it: what fails
  /// without that call, or crashes before it, is not XNNPACK's.
  [[nodiscard]] Result<> prove(const std::function<void()>& before_xnnpack = {});

  /// XNNPACK failed, for this reason: from here on TensorFlow Lite's kernels compute all. False,
  /// and nothing is changed, if they did already or XNNPACK is insisted on.
  [[nodiscard]] bool fall_back(std::string reason);
  /// make(*this); where that fails and fall_back() has something to change, once more.
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
  std::shared_ptr<xnnpack::Backend> xnnpack_;  ///< null: TensorFlow Lite's kernels alone
  CpuReport report_;
};

}  // namespace gantry::backend
