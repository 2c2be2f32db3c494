#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/tensor/tensor.h"

namespace gantry::proof {

/// How far apart two results of one tensor are.
struct Difference {
  std::int64_t largest = 0;  ///< in steps of an integer tensor; 0 for other dtypes
  std::size_t elements = 0;
  std::size_t beyond = 0;  ///< elements further apart than allowed
  /// Elements of one channel; the last extent counts the channels.
  std::size_t channel_elements = 0;
  std::size_t worst_channel = 0;  ///< elements beyond in the channel with the most

  /// Whether rounding explains the difference: at most one element in fifty is beyond, and at most
  /// half of the elements of any channel (not asked for channels of fewer than 8 elements).
  ///
  /// Behind many layers, single elements of a correct NPU's result are far off, since errors add up
  /// and hard edges stretch them: 30 steps were seen behind the 27 convolutions of MobileNet V1
  /// 0.25, on the test input. Such elements are few, and spread over all channels. A wrong layer is
  /// off in most elements of the tensor, a wrong channel in most elements of the channel.
  [[nodiscard]] bool is_rounding() const noexcept;
  /// Whether more than half of the elements are beyond, or more than nine tenths of a channel (of
  /// at least 8 elements). Small errors do not add up to that: the result is wrong.
  [[nodiscard]] bool is_gross() const noexcept;
};

/// Compares `got` with `wanted`, element by element.
///
/// uint8, int8, int16: an element is beyond if it is more than `allowed` steps off.
///
/// float32: an element is beyond if it is finite in `wanted` and NaN in `got`. If `allowed` is
/// below `downstream_allowed`, an element is also beyond if it is more than `allowed` steps off. A
/// step is `float_step`, or a 255th of the largest number in `wanted` if that is more. At
/// `downstream_allowed` the distance does not count: the CPU computed the tensor from tensors that
/// are compared themselves.
///
/// Elements of other dtypes are never beyond. If the sizes differ, all elements are beyond.
/// `channels`: the last extent, 1 if there is none.
[[nodiscard]] Difference compare(DType dtype, std::span<const std::byte> wanted,
                                 std::span<const std::byte> got, std::int64_t allowed,
                                 std::size_t channels = 1, double float_step = 0);

/// For each tensor of the graph: the steps that most elements of a correct NPU's result are off at
/// most. 0 for tensors to which no operator on the NPU contributes.
///
/// The NPU's scales have 15 bits, TensorFlow Lite's have 31. That puts few results of a layer off,
/// by one step (rocket-npu.md E.7). The next layer weighs the errors of its inputs. The errors
/// count as independent, so that their squares add up, each times the square of its weight and of
/// the ratio of the scales: the last convolution of MobileNet V2 makes nine steps of one. Three
/// times the resulting standard deviation is allowed, at least `least_allowed` (a fused addition
/// rounds twice) and at most `most_allowed` (wrong results are tens of steps off in most elements).
/// A tensor that operators of the CPU compute from the NPU's results may be off by
/// `downstream_allowed` of 256 steps, since a softmax turns three steps into some twenty. Such a
/// tensor shows only gross errors.
[[nodiscard]] std::vector<std::int64_t> allowed_steps(const graph::Graph& graph,
                                                      const std::vector<bool>& on_npu);
inline constexpr std::int64_t least_allowed = 2;
inline constexpr std::int64_t most_allowed = 16;
inline constexpr std::int64_t downstream_allowed = 48;

}  // namespace gantry::proof
