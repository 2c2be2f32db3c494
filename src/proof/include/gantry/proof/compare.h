#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/tensor/tensor.h"

namespace gantry::proof {

/// How far two results of one tensor are apart.
struct Difference {
  std::int64_t largest = 0;  ///< steps of a quantised tensor; 0 for others
  std::size_t elements = 0;
  std::size_t beyond = 0;            ///< elements further apart than allowed
  std::size_t channel_elements = 0;  ///< of each channel, the last extent
  std::size_t worst_channel = 0;     ///< elements beyond in the channel that has most of them

  /// Whether that is what rounding does: seldom beyond, and in no channel mostly.
  ///
  /// Behind many layers single elements of a correct NPU are far off (27 steps were seen behind the
  /// 27 convolutions of MobileNet V1 0.25, on the test input), since errors add up and hard edges
  /// stretch them; but they are few and anywhere. A wrong layer is off in most elements, a wrong
  /// channel in most of its own.
  [[nodiscard]] bool is_rounding() const noexcept;
};

/// Compares `got` with `wanted`, element by element.
/// Integers of 8 and 16 bits: their distance in steps, `beyond` counts those above `allowed`.
/// float32: only what is a number in `wanted` and none in `got` counts as beyond: floats come from
/// operators of the CPU, behind the ones that are proven. Other dtypes say nothing.
/// Different sizes: everything is beyond.
/// `channels`: the last extent, 1 if there is none.
[[nodiscard]] Difference compare(DType dtype, std::span<const std::byte> wanted,
                                 std::span<const std::byte> got, std::int64_t allowed,
                                 std::size_t channels = 1);

/// Steps that most elements of a correct NPU's result are within, for each tensor of the graph; 0
/// for those that no operator of the NPU has a part in.
///
/// One step a layer is what the NPU's 15-bit scales cost against TensorFlow Lite's 31-bit ones
/// (rocket-npu.md E.7). So a tensor may be off by the number of NPU layers on the longest way to
/// it, by at least `least_allowed` (an addition that is fused rounds twice) and at most
/// `most_allowed`. Wrong results are not near that: a wrong pad, a stale buffer or a misread weight
/// shows as tens of steps.
/// A tensor that operators of the CPU make of the NPU's results may be off by `downstream_allowed`
/// of 256: a softmax turns three steps into some twenty. It only shows gross harm.
[[nodiscard]] std::vector<std::int64_t> allowed_steps(const graph::Graph& graph,
                                                      const std::vector<bool>& on_npu);
inline constexpr std::int64_t least_allowed = 2;
inline constexpr std::int64_t most_allowed = 8;
inline constexpr std::int64_t downstream_allowed = 48;

}  // namespace gantry::proof
