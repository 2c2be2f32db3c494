#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::graph {

/// A copy of a model with more outputs.
struct WithOutputs {
  std::vector<std::byte> model;
  std::vector<std::int32_t> outputs;  ///< tensors, in the order of the copy's outputs
};

/// A copy of `model` whose main subgraph has `tensors` as further outputs, behind its own: an
/// output keeps its memory until the end of an invoke. `tensors` are indices; repetitions and
/// present outputs are fine. Signatures stay as they are.
/// Errors: as read_graph(); out_of_range for tensors that do not exist.
[[nodiscard]] Result<WithOutputs> with_outputs(std::span<const std::byte> model,
                                               std::span<const std::int32_t> tensors);

}  // namespace gantry::graph
