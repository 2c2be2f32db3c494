#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/graph/graph.h"
#include "gantry/npu/mesa.h"
#include "gantry/npu/rules.h"

// The guard: which operators of a model Mesa's delegate gets to see at all.
namespace gantry::npu {

/// What the guard makes of a model for one version of Mesa.
struct Guarded {
  Graph graph;
  Classification classification;
  /// One for each operator, true: offered to the delegate. What tflite::Delegation::operators
  /// wants; there none at all means all, so ask any() before.
  std::vector<bool> offered;

  /// Whether there is anything for the NPU to do.
  [[nodiscard]] bool any() const;
  /// What may be offered if it has to be among these, one flag for each operator: less than what
  /// `offered` has of them where one is right only beside another.
  [[nodiscard]] std::vector<bool> offered_among(const std::vector<bool>& these) const;
};

/// The operators that a classification gives to the NPU, one flag for each.
[[nodiscard]] std::vector<bool> offered(const Classification& classification);

/// Reads a `.tflite` file's bytes and applies the rules of that Mesa.
/// Errors: as graph::read_graph. A model that it refuses belongs on no delegate.
/// Threads: thread-safe.
[[nodiscard]] Result<Guarded> guard(std::span<const std::byte> model, MesaVersion mesa);
/// The same for a libteflon.so, by the version that stands in it (all rules, where none does).
[[nodiscard]] Result<Guarded> guard(std::span<const std::byte> model,
                                    const std::filesystem::path& library);

}  // namespace gantry::npu
