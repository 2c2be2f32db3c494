#include "gantry/proof/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace gantry::proof {
namespace {

template <class T>
T element(std::span<const std::byte> bytes, std::size_t index) {
  T value{};
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void compare_integers(std::span<const std::byte> wanted, std::span<const std::byte> got,
                      std::int64_t allowed, std::vector<std::size_t>& channels, Difference& out) {
  for (std::size_t i = 0; i < out.elements; ++i) {
    const auto apart =
        std::abs(std::int64_t{element<T>(wanted, i)} - std::int64_t{element<T>(got, i)});
    out.largest = std::max(out.largest, apart);
    if (apart > allowed) {
      ++out.beyond;
      ++channels[i % channels.size()];
    }
  }
}

void compare_floats(std::span<const std::byte> wanted, std::span<const std::byte> got,
                    std::int64_t allowed, double least_step, std::vector<std::size_t>& channels,
                    Difference& out) {
  double largest = 0;
  for (std::size_t i = 0; i < out.elements; ++i) {
    const double value = std::abs(element<float>(wanted, i));
    largest = std::isfinite(value) ? std::max(largest, value) : largest;
  }
  const double reach = allowed < downstream_allowed
                           ? std::max(largest / 255, least_step) * static_cast<double>(allowed)
                           : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < out.elements; ++i) {
    const double from = element<float>(wanted, i);
    const double to = element<float>(got, i);
    if (std::isfinite(from) && !(std::abs(from - to) <= reach)) {
      ++out.beyond;
      ++channels[i % channels.size()];
    }
  }
}

/// Steps that one layer of the NPU may be off by itself, as a standard deviation: its scales have
/// 15 bits where TensorFlow Lite's have 31, which moves few results, and those by one step.
constexpr double layer_error = 0.25;
constexpr double most_variance = 1e6;  // more is as good as unknown

float scale_of(const graph::Tensor& tensor) {
  return tensor.scales.size() == 1 ? tensor.scales.front() : 0;
}

/// Σ (weight - zero point)² of each output channel. In whole numbers, without a division for each
/// weight: millions of them are looked at before a model is ready.
template <class T>
std::vector<std::int64_t> square_sums(std::span<const std::byte> weights, std::size_t channels,
                                      std::int32_t zero, bool last_axis) {
  static_assert(sizeof(T) == 1, "a square fits 32 bits");
  const auto square = [zero](std::byte weight) {
    const std::int32_t from_zero = static_cast<T>(weight) - zero;
    return from_zero * from_zero;
  };
  std::vector<std::int64_t> sums(channels, 0);
  if (last_axis) {
    for (; weights.size() >= channels; weights = weights.subspan(channels)) {
      for (std::size_t channel = 0; channel < channels; ++channel) {
        sums[channel] += square(weights[channel]);
      }
    }
    return sums;
  }
  const std::size_t each = weights.size() / channels;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    for (const std::byte weight : weights.subspan(channel * each, each)) {
      sums[channel] += square(weight);
    }
  }
  return sums;
}

/// Σ (weight - zero point)² · scale² of that output channel which has most; 0 where that is not
/// known.
double largest_square_sum(const graph::Tensor& weights, bool last_axis) {
  if (weights.shape.empty() || dtype_size(weights.dtype) != 1 || weights.data.empty()) {
    return 0;
  }
  const auto channels = static_cast<std::size_t>(
      std::max(1, last_axis ? weights.shape.back() : weights.shape.front()));
  const bool is_per_channel = weights.scales.size() == channels && channels > 1;
  if (!is_per_channel && weights.scales.size() != 1) {
    return 0;
  }
  const bool is_zero_known = weights.zero_points.size() == 1 &&
                             weights.zero_points.front() >= -128 &&
                             weights.zero_points.front() <= 255;
  const auto zero =
      is_zero_known ? static_cast<std::int32_t>(weights.zero_points.front()) : std::int32_t{0};
  const auto sums = weights.dtype == DType::int8
                        ? square_sums<std::int8_t>(weights.data, channels, zero, last_axis)
                        : square_sums<std::uint8_t>(weights.data, channels, zero, last_axis);
  double largest = 0;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const double scale = weights.scales[is_per_channel ? channel : 0];
    largest = std::max(largest, static_cast<double>(sums[channel]) * scale * scale);
  }
  return largest;
}

/// How much larger the square of an error is behind the operator than at this input of it, both in
/// steps of their tensors. 1 where that is not known.
double square_of_gain(const graph::Graph& graph, const graph::Operator& op, std::size_t input) {
  if (op.outputs.empty() || op.inputs[input] < 0) {
    return 1;
  }
  const auto tensor = [&](std::int32_t index) -> const graph::Tensor& {
    return graph.tensors[static_cast<std::size_t>(index)];
  };
  const double from = scale_of(tensor(op.inputs[input]));
  const double to = scale_of(tensor(op.outputs.front()));
  if (from <= 0 || to <= 0) {
    return 1;
  }
  const double ratio = from / to;
  const bool is_depthwise = op.op == graph::Op::depthwise_conv_2d;
  if (is_depthwise || op.op == graph::Op::conv_2d || op.op == graph::Op::fully_connected) {
    if (input != 0 || op.inputs.size() < 2 || op.inputs[1] < 0) {
      return 1;
    }
    const double sum = largest_square_sum(tensor(op.inputs[1]), is_depthwise);
    return sum > 0 ? ratio * ratio * sum : 1;
  }
  if (op.op == graph::Op::mul && op.inputs.size() == 2 && op.inputs[1 - input] >= 0) {
    // As large as the other factor is: half of its range.
    const double other = 128.0 * scale_of(tensor(op.inputs[1 - input]));
    return other > 0 ? ratio * ratio * other * other : ratio * ratio;
  }
  return ratio * ratio;
}

}  // namespace

Difference compare(DType dtype, std::span<const std::byte> wanted, std::span<const std::byte> got,
                   std::int64_t allowed, std::size_t channels, double float_step) {
  Difference out;
  const std::size_t size = dtype_size(dtype);
  out.elements = size == 0 ? 0 : wanted.size() / size;
  if (wanted.size() != got.size()) {
    out.beyond = std::max<std::size_t>(1, out.elements);
    return out;
  }
  std::vector<std::size_t> of_channels(std::max<std::size_t>(1, channels));
  out.channel_elements = out.elements / of_channels.size();
  if (dtype == DType::uint8) {
    compare_integers<std::uint8_t>(wanted, got, allowed, of_channels, out);
  } else if (dtype == DType::int8) {
    compare_integers<std::int8_t>(wanted, got, allowed, of_channels, out);
  } else if (dtype == DType::int16) {
    compare_integers<std::int16_t>(wanted, got, allowed, of_channels, out);
  } else if (dtype == DType::float32) {
    compare_floats(wanted, got, allowed, float_step, of_channels, out);
  }
  out.worst_channel = std::ranges::max(of_channels);
  return out;
}

namespace {
constexpr std::size_t enough_elements = 8;  // of a channel, to speak of most
}

bool Difference::is_gross() const noexcept {
  return beyond * 2 > elements ||
         (channel_elements >= enough_elements && worst_channel * 10 > channel_elements * 9);
}

bool Difference::is_rounding() const noexcept {
  constexpr std::size_t one_in = 50;
  if (beyond * one_in > elements) {
    return false;
  }
  return channel_elements < enough_elements || worst_channel * 2 <= channel_elements;
}

std::vector<std::int64_t> allowed_steps(const graph::Graph& graph,
                                        const std::vector<bool>& on_npu) {
  std::vector<double> variance(graph.tensors.size(), 0);  // of the error, in steps squared
  std::vector<std::int64_t> allowed(graph.tensors.size(), 0);
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    const graph::Operator& op = graph.operators[i];
    double sum = 0;
    for (std::size_t input = 0; input < op.inputs.size(); ++input) {
      if (op.inputs[input] >= 0) {
        const double before = variance[static_cast<std::size_t>(op.inputs[input])];
        sum += before > 0 ? before * square_of_gain(graph, op, input) : 0;
      }
    }
    for (const std::int32_t tensor : op.outputs) {
      const auto index = static_cast<std::size_t>(tensor);
      variance[index] = std::min(sum + (on_npu[i] ? layer_error * layer_error : 0), most_variance);
      if (on_npu[i]) {
        const auto steps = static_cast<std::int64_t>(std::ceil(3 * std::sqrt(variance[index])));
        allowed[index] = std::clamp(steps, least_allowed, most_allowed);
      } else if (sum > 0) {
        allowed[index] = downstream_allowed;
      }
    }
  }
  return allowed;
}

}  // namespace gantry::proof
