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
  /// By index in the model's order of execution: true is offered. The delegate does not get to see
  /// the others, and they stay where they are. Empty: all are offered.
  std::vector<bool> operators;
};

/// What a delegate took of what it was offered.
struct Delegated {
  std::vector<std::int32_t> operators;  ///< indices, ascending
  std::size_t partitions = 0;           ///< groups that the delegate runs as one
};

/// What TensorFlow Lite asks to compute operators in its place: kernels of ours, or a shared
/// library, Mesa's libteflon.so or any other with the entry points of TensorFlow Lite's external
/// delegates. Sessions that are made with it must be gone before it is.
///
/// What a library does inside the process is its own: it may crash or never return, at load, in
/// Session::create and in every invoke. Foreign ones belong into a process of their own.
/// Threads: one session at a time; any thread.
class Delegate {
 public:
  /// Loads the library and lets it make its delegate. The library stays loaded until the process
  /// ends. Errors: not_found if it cannot be loaded or has no such entry points, in the loader's
  ///         words; unavailable if it makes none (no device), in its own words where it has some.
  [[nodiscard]] static Result<std::shared_ptr<const Delegate>> load(
      const std::filesystem::path& library, const DelegateOptions& options = {});
  /// A delegate of our own: it takes every operator that it is offered, and each partition that
  /// TensorFlow Lite makes of them is computed by a kernel that `make` gives. Models with tensors
  /// whose shape is known only at run time do not suit it: Session::create refuses them.
  /// `name`: what the partitions are called in operator_times().
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
