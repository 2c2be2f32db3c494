#include "site.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace gantry::xnnpack {

const Tensor* Site::data() const {
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    if (!is_parameter(i)) {
      return input(i);
    }
  }
  return nullptr;
}

bool Site::has_weights() const {
  return op.op == Op::conv_2d || op.op == Op::depthwise_conv_2d || op.op == Op::fully_connected ||
         op.op == Op::transpose_conv;
}
const Tensor* Site::weights() const { return has_weights() ? input(1) : nullptr; }
const Tensor* Site::bias() const {
  return has_weights() ? input(op.op == Op::transpose_conv ? 3 : 2) : nullptr;
}

std::optional<Type> Site::type() const {
  const Tensor* const tensor = op.op == Op::dequantize ? input(0) : output();
  if (tensor == nullptr) {
    return std::nullopt;
  }
  switch (tensor->dtype) {
    case DType::float32:
      return Type::float32;
    case DType::uint8:
      return Type::uint8;
    case DType::int8:
      return weights() != nullptr && weights()->scales.size() > 1 ? Type::int8_channels
                                                                  : Type::int8;
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<std::int64_t>> integers(const Tensor* tensor) {
  if (tensor == nullptr || !tensor->constant) {
    return std::nullopt;
  }
  const auto count = element_count(tensor->shape);
  const std::size_t size = dtype_size(tensor->dtype);
  constexpr std::size_t most = 64;  // axes, paddings, sizes
  if (!count || *count > most || tensor->data.size() != *count * size) {
    return std::nullopt;
  }
  std::vector<std::int64_t> values(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    const std::byte* const from = tensor->data.data() + (i * size);  // need not be aligned
    if (tensor->dtype == DType::int32) {
      std::int32_t value = 0;
      std::memcpy(&value, from, sizeof(value));
      values[i] = value;
    } else if (tensor->dtype == DType::int64) {
      std::memcpy(&values[i], from, sizeof(values[i]));
    } else {
      return std::nullopt;
    }
  }
  return values;
}

std::optional<Range> range_of(graph::Activation activation) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  switch (activation) {
    case graph::Activation::none:
      return Range{-infinity, infinity};
    case graph::Activation::relu:
      return Range{0.0F, infinity};
    case graph::Activation::relu_n1_to_1:
      return Range{-1.0F, 1.0F};
    case graph::Activation::relu6:
      return Range{0.0F, 6.0F};
    case graph::Activation::tanh:
    case graph::Activation::sign_bit:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Range> range_of(Op op) {
  switch (op) {
    case Op::relu:
      return range_of(graph::Activation::relu);
    case Op::relu6:
      return range_of(graph::Activation::relu6);
    case Op::relu_n1_to_1:
      return range_of(graph::Activation::relu_n1_to_1);
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<std::size_t>> mean_axes(const Site& site) {
  const auto given = integers(site.input(1));
  if (!given || site.input(0) == nullptr || given->empty()) {
    return std::nullopt;
  }
  const auto rank = static_cast<std::int64_t>(site.input(0)->shape.size());
  std::vector<std::size_t> axes;
  for (std::int64_t axis : *given) {
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank) {
      return std::nullopt;
    }
    axes.push_back(static_cast<std::size_t>(axis));
  }
  std::ranges::sort(axes);
  const auto repeated = std::ranges::unique(axes);
  axes.erase(repeated.begin(), repeated.end());
  return axes;
}

std::optional<std::vector<std::size_t>> slice_begins(const Site& site) {
  const auto given = integers(site.input(1));
  const Tensor* const from = site.input(0);
  if (!given || from == nullptr || given->size() != from->shape.size()) {
    return std::nullopt;
  }
  const bool strided = site.op.op == Op::strided_slice;
  if (strided) {
    const auto strides = integers(site.input(3));
    if (!strides || site.op.other_masks != 0 ||
        !std::ranges::all_of(*strides, [](std::int64_t stride) { return stride == 1; })) {
      return std::nullopt;
    }
  }
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i < given->size(); ++i) {
    const std::int64_t extent = from->shape[i];
    std::int64_t begin = (*given)[i];
    if (strided) {
      begin = ((static_cast<std::uint32_t>(site.op.begin_mask) >> i) & 1U) != 0 ? 0 : begin;
      begin = std::clamp<std::int64_t>(begin < 0 ? begin + extent : begin, 0, extent);
    }
    if (begin < 0 || begin >= extent) {
      return std::nullopt;
    }
    begins.push_back(static_cast<std::size_t>(begin));
  }
  return begins;
}

std::optional<std::size_t> axis_of(const Site& site) {
  std::int64_t axis = site.op.axis;
  if (site.op.op == Op::split || site.op.op == Op::split_v) {
    const auto given = integers(site.input(site.op.op == Op::split ? 0 : 2));
    if (!given || given->size() != 1) {
      return std::nullopt;
    }
    axis = given->front();
  }
  if (site.data() == nullptr) {
    return std::nullopt;
  }
  const auto rank = static_cast<std::int64_t>(site.data()->shape.size());
  axis += axis < 0 ? rank : 0;
  return axis < 0 || axis >= rank ? std::nullopt : std::optional(static_cast<std::size_t>(axis));
}

}  // namespace gantry::xnnpack
