#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/graph/graph.h"
#include "gantry/npu/mesa.h"
#include "gantry/npu/rules.h"

// The guard decides which operators of a model Mesa's delegate sees.
namespace gantry::npu {

/// The guard's decision on a model, for one version of Mesa.
struct Guarded {
  Graph graph;
  Classification classification;
  /// One flag for each operator; true: offered to the delegate. For tflite::Delegation::operators,
  /// where an empty list offers all operators: ask any() first.
  std::vector<bool> offered;

  /// Whether there is anything for the NPU to do.
  [[nodiscard]] bool any() const;
  /// Which operators to offer if no others than `these` may be offered. One flag for each operator,
  /// in and out. An operator of `these` that `offered` has may be missing: some operators are right
  /// only together with a neighbour.
  [[nodiscard]] std::vector<bool> offered_among(const std::vector<bool>& these) const;
};

/// The operators that a classification gives to the NPU, one flag for each.
[[nodiscard]] std::vector<bool> offered(const Classification& classification);

/// Reads a `.tflite` file's bytes and applies the rules of that Mesa.
/// Errors: as graph::read_graph. Give no delegate a model for which this fails.
/// Threads: thread-safe.
[[nodiscard]] Result<Guarded> guard(std::span<const std::byte> model, MesaVersion mesa);
/// guard() with the Mesa version that the file of libteflon.so names. If it names none, all rules
/// apply.
[[nodiscard]] Result<Guarded> guard(std::span<const std::byte> model,
                                    const std::filesystem::path& library);

}  // namespace gantry::npu
