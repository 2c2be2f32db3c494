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
  /// Behind many layers single elements of a correct NPU are far off (30 steps were seen behind the
  /// 27 convolutions of MobileNet V1 0.25, on the test input), since errors add up and hard edges
  /// stretch them; but they are few and anywhere. A wrong layer is off in most elements, a wrong
  /// channel in most of its own.
  [[nodiscard]] bool is_rounding() const noexcept;
  /// Whether most of it is beyond, or nearly all of a channel: no sum of small errors, but a result
  /// of something else.
  [[nodiscard]] bool is_gross() const noexcept;
};

/// Compares `got` with `wanted`, element by element.
/// Integers of 8 and 16 bits: their distance in steps, `beyond` counts those above `allowed`.
///
/// float32: what is a number in `wanted` and none in `got` counts as beyond; where `allowed` is
/// below `downstream_allowed` (else the CPU made it of what is proven), also what is further apart
/// than so many steps, a step being `float_step` or a 255th of the largest number in `wanted`,
/// whichever is more.
///
/// Other dtypes say nothing. Different sizes: everything is beyond. `channels`: the last extent, 1
/// if there is none.
[[nodiscard]] Difference compare(DType dtype, std::span<const std::byte> wanted,
                                 std::span<const std::byte> got, std::int64_t allowed,
                                 std::size_t channels = 1, double float_step = 0);

/// Steps that most elements of a correct NPU's result are within, for each tensor of the graph; 0
/// for those that no operator of the NPU has a part in.
///
/// One step here and there is what the NPU's 15-bit scales cost a layer against TensorFlow Lite's
/// 31-bit ones (rocket-npu.md E.7). The next layer weighs the errors of its inputs: where they are
/// independent, their squares add up, each times its weight and the ratio of the scales (the last
/// convolution of MobileNet V2 makes nine steps of one). Allowed is three times the standard
/// deviation that comes out, at least `least_allowed` (an addition that is fused rounds twice) and
/// at most `most_allowed`: wrong results show as tens of steps in most elements.
/// A tensor that operators of the CPU make of the NPU's results may be off by `downstream_allowed`
/// of 256: a softmax turns three steps into some twenty. It only shows gross harm.
[[nodiscard]] std::vector<std::int64_t> allowed_steps(const graph::Graph& graph,
                                                      const std::vector<bool>& on_npu);
inline constexpr std::int64_t least_allowed = 2;
inline constexpr std::int64_t most_allowed = 16;
inline constexpr std::int64_t downstream_allowed = 48;

}  // namespace gantry::proof
