#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tflite/kernel.h"

namespace gantry::tflite {

/// Options for a delegate, as key and value.
using DelegateOptions = std::vector<std::pair<std::string, std::string>>;

class Delegate;

/// A delegate, and which operators a session offers to it.
struct Delegation {
  std::shared_ptr<const Delegate> delegate;
  /// One flag for each operator, in the model's order of execution; true: offered. The delegate
  /// does not see the other operators, and does not compute them. Empty: all are offered.
  std::vector<bool> operators;
};

/// The operators that a delegate took of those that it was offered.
struct Delegated {
  std::vector<std::int32_t> operators;  ///< indices, ascending
  std::size_t partitions = 0;           ///< groups of operators that the delegate runs as one
};

/// Computes operators in place of TensorFlow Lite's kernels. It is made of our own kernels, or of a
/// shared library: Mesa's libteflon.so, or another one with the entry points of TensorFlow Lite's
/// external delegates. It must outlive the sessions that are made with it.
///
/// A library may crash or never return: at load, in Session::create and in every invoke. Load
/// foreign libraries in a separate process.
/// Threads: one session at a time; any thread.
class Delegate {
 public:
  /// Loads the library and lets it make its delegate. The library stays loaded until the process
  /// ends.
  /// Errors: not_found in the loader's words if it cannot be loaded or has no such entry points;
  ///         unavailable if it makes no delegate (no device), in the library's words if it gives
  ///         any.
  [[nodiscard]] static Result<std::shared_ptr<const Delegate>> load(
      const std::filesystem::path& library, const DelegateOptions& options = {});
  /// A delegate of our own. It takes every operator that it is offered. TensorFlow Lite makes
  /// partitions of these operators, and `make` makes a kernel for each partition. Session::create
  /// refuses models with tensors whose shape is known only at run time. `name`: the name of the
  /// partitions in operator_times().
  [[nodiscard]] static std::shared_ptr<const Delegate> of_kernels(std::string name,
                                                                  MakeKernel make);
  ~Delegate();
  Delegate(const Delegate&) = delete;
  Delegate& operator=(const Delegate&) = delete;

 private:
  friend class Session;
  struct Impl;
  explicit Delegate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::tflite
