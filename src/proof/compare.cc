#include "gantry/proof/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

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

}  // namespace

Difference compare(DType dtype, std::span<const std::byte> wanted, std::span<const std::byte> got,
                   std::int64_t allowed, std::size_t channels) {
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
    for (std::size_t i = 0; i < out.elements; ++i) {
      const bool is_lost =
          std::isfinite(element<float>(wanted, i)) && !std::isfinite(element<float>(got, i));
      out.beyond += is_lost ? 1U : 0U;
    }
  }
  out.worst_channel = std::ranges::max(of_channels);
  return out;
}

bool Difference::is_rounding() const noexcept {
  constexpr std::size_t one_in = 20;
  constexpr std::size_t enough_elements = 8;  // of a channel, to speak of most
  if (beyond * one_in > elements) {
    return false;
  }
  return channel_elements < enough_elements || worst_channel * 2 <= channel_elements;
}

std::vector<std::int64_t> allowed_steps(const graph::Graph& graph,
                                        const std::vector<bool>& on_npu) {
  std::vector<std::int64_t> depth(graph.tensors.size(), 0);
  std::vector<std::int64_t> allowed(graph.tensors.size(), 0);
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    const graph::Operator& op = graph.operators[i];
    std::int64_t before = 0;
    for (const std::int32_t tensor : op.inputs) {
      before = tensor < 0 ? before : std::max(before, depth[static_cast<std::size_t>(tensor)]);
    }
    for (const std::int32_t tensor : op.outputs) {
      const auto index = static_cast<std::size_t>(tensor);
      depth[index] = before + (on_npu[i] ? 1 : 0);
      if (on_npu[i]) {
        allowed[index] = std::clamp(depth[index], least_allowed, most_allowed);
      } else if (before > 0) {
        allowed[index] = downstream_allowed;
      }
    }
  }
  return allowed;
}

}  // namespace gantry::proof
