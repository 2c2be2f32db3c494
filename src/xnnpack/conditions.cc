#include "conditions.h"

#include <algorithm>
#include <cmath>

#include "gantry/base/format.h"

namespace gantry::xnnpack {
namespace {

constexpr std::int64_t most_bytes = std::int64_t{1} << 31U;

/// Each input and output that is there.
template <class Function>
Match first_of(const Site& site, const Function& ask) {
  for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
    if (const Tensor* const tensor = site.input(i)) {
      if (auto found = ask(*tensor, site.is_parameter(i))) {
        return found;
      }
    }
  }
  for (std::size_t i = 0; i < site.op.outputs.size(); ++i) {
    if (auto found = ask(*site.output(i), false)) {
      return found;
    }
  }
  return std::nullopt;
}

bool has_one_scale(const Tensor& tensor) {
  return tensor.scales.size() == 1 && tensor.zero_points.size() == 1 &&
         std::isnormal(tensor.scales[0]) && tensor.scales[0] > 0 &&
         tensor.zero_points[0] >= lowest(tensor.dtype) &&
         tensor.zero_points[0] <= highest(tensor.dtype);
}

bool same_quantization(const Tensor& a, const Tensor& b) {
  return a.scales == b.scales && a.zero_points == b.zero_points;
}

bool is_elementwise_pair(Op op) {
  switch (op) {
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::maximum:
    case Op::minimum:
    case Op::squared_difference:
      return true;
    default:
      return false;
  }
}

/// Operators that hand values on as they are.
bool keeps_values(Op op) {
  switch (op) {
    case Op::average_pool_2d:
    case Op::max_pool_2d:
    case Op::reshape:
    case Op::squeeze:
    case Op::expand_dims:
    case Op::pad:
    case Op::resize_bilinear:
    case Op::slice:
    case Op::strided_slice:
    case Op::split:
    case Op::split_v:
    case Op::transpose:
    case Op::relu:
    case Op::relu6:
    case Op::relu_n1_to_1:
      return true;
    default:
      return false;
  }
}

Match ratio_outside(double ratio, double least, double end) {
  if (ratio >= least && ratio < end) {
    return std::nullopt;
  }
  return format_text("a ratio of {:.3g}", ratio);
}

}  // namespace

Match no_such_operator(const Site& site) {
  return site.kind == nullptr ? Match(site.op.name) : std::nullopt;
}

Match no_such_type(const Site& site) {
  const auto type = site.type();
  if (type && (site.kind->types & static_cast<std::uint8_t>(*type)) != 0) {
    return std::nullopt;
  }
  const Tensor* const tensor = site.output();
  return tensor == nullptr ? std::string() : std::string(dtype_name(tensor->dtype));
}

Match malformed(const Site& site) {
  const std::size_t count = site.op.inputs.size();
  if (count < site.kind->min_inputs || count > site.kind->max_inputs) {
    return format_text("{} inputs", count);
  }
  const bool many = site.op.op == Op::split || site.op.op == Op::split_v;
  if (site.op.outputs.empty() || (!many && site.op.outputs.size() != 1) ||
      std::ranges::any_of(site.op.outputs, [](std::int32_t tensor) { return tensor < 0; })) {
    return format_text("{} outputs", site.op.outputs.size());
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (site.input(i) == nullptr && (i < site.kind->min_inputs || !site.is_parameter(i))) {
      return format_text("no input {}", i);
    }
  }
  return std::nullopt;
}

Match written_twice(const Site& site) {
  const auto twice = [&](std::int32_t tensor) {
    return tensor >= 0 && site.writers[static_cast<std::size_t>(tensor)] > 1;
  };
  return std::ranges::any_of(site.op.inputs, twice) || std::ranges::any_of(site.op.outputs, twice)
             ? Match("")
             : std::nullopt;
}

Match parameter_computed(const Site& site) {
  for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
    const Tensor* const tensor = site.input(i);
    if (site.is_parameter(i) && tensor != nullptr && !is_known(*tensor)) {
      return format_text("input {}", i);
    }
  }
  return std::nullopt;
}

Match constant_operand(const Site& site) {
  std::size_t constants = 0;
  std::size_t operands = 0;
  for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
    if (!site.is_parameter(i)) {
      ++operands;
      constants += is_known(*site.input(i)) ? 1U : 0U;
    }
  }
  return constants == 0 || (is_elementwise_pair(site.op.op) && constants < operands) ? std::nullopt
                                                                                     : Match("");
}

Match shape_unknown(const Site& site) {
  return first_of(site, [&](const Tensor& tensor, bool parameter) -> Match {
    const auto count = element_count(tensor.shape);
    const bool scalar = tensor.shape.empty() && !parameter && !is_known(tensor);
    if (scalar || tensor.shape.size() > max_rank || !count || *count == 0 ||
        static_cast<std::int64_t>(*count) > most_bytes / 8) {
      return to_string(tensor.shape);
    }
    return std::nullopt;
  });
}

Match mixed_types(const Site& site) {
  const DType to = site.output()->dtype;
  const DType from = site.data()->dtype;
  if (site.op.op == Op::dequantize) {
    return is_quantized(from) && to == DType::float32 ? std::nullopt
                                                      : Match(std::string(dtype_name(from)));
  }
  if (site.op.op == Op::quantize) {
    return is_quantized(to) && (from == DType::float32 || from == to)
               ? std::nullopt
               : Match(format_text("{} to {}", dtype_name(from), dtype_name(to)));
  }
  return first_of(site, [&](const Tensor& tensor, bool parameter) -> Match {
    return parameter || tensor.dtype == to ? std::nullopt
                                           : Match(std::string(dtype_name(tensor.dtype)));
  });
}

Match constant_broken(const Site& site) {
  return first_of(site, [](const Tensor& tensor, bool /*parameter*/) -> Match {
    if (!is_known(tensor)) {
      return std::nullopt;
    }
    const std::size_t size = dtype_size(tensor.dtype);
    const std::size_t wanted = element_count(tensor.shape).value_or(0) * size;
    if (size == 0 || tensor.data.size() != wanted) {
      return format_text("{} bytes for {}", tensor.data.size(), to_string(tensor.shape));
    }
    return reinterpret_cast<std::uintptr_t>(tensor.data.data()) % size != 0 ? Match("unaligned")
                                                                            : std::nullopt;
  });
}

Match quantization_missing(const Site& site) {
  return first_of(site, [](const Tensor& tensor, bool parameter) -> Match {
    return parameter || !is_quantized(tensor.dtype) || has_one_scale(tensor) ? std::nullopt
                                                                             : Match("");
  });
}

Match weights_unfit(const Site& site) {
  const Tensor* const weights = site.weights();
  if (weights == nullptr) {
    return std::nullopt;
  }
  const DType dtype = site.output()->dtype;
  if (weights->dtype != dtype) {
    return format_text("{} weights", dtype_name(weights->dtype));
  }
  if (weights->shape.size() != (site.op.op == Op::fully_connected ? 2U : 4U)) {
    return to_string(weights->shape);
  }
  const bool depthwise = site.op.op == Op::depthwise_conv_2d;
  const auto channels = static_cast<std::size_t>(weights->shape[depthwise ? 3 : 0]);
  if (is_quantized(dtype)) {
    const auto& scales = weights->scales;
    const auto& zeros = weights->zero_points;
    const bool per_channel = dtype == DType::int8 && scales.size() == channels;
    if ((scales.size() != 1 && !per_channel) || zeros.size() != scales.size() ||
        !std::ranges::all_of(scales, [](float s) { return std::isnormal(s) && s > 0; })) {
      return "scales";
    }
    if (!std::ranges::all_of(zeros, [&](std::int64_t zero) {
          return dtype == DType::int8 ? zero == 0 : zero >= 0 && zero <= highest(dtype);
        })) {
      return "zero points";
    }
  }
  const Tensor* const bias = site.bias();
  if (bias != nullptr && (bias->dtype != (is_quantized(dtype) ? DType::int32 : DType::float32) ||
                          element_count(bias->shape) != channels)) {
    return format_text("a bias of {} {}", dtype_name(bias->dtype), to_string(bias->shape));
  }
  return std::nullopt;
}

Match option_unknown(const Site& site) {
  const Operator& op = site.op;
  if (!range_of(op.activation)) {
    return "its activation";
  }
  if (op.op == Op::fully_connected && !op.plain_weights) {
    return "shuffled weights";
  }
  if (op.op == Op::softmax && op.beta != 1.0F) {
    return format_text("beta {}", op.beta);
  }
  if (op.op == Op::resize_bilinear && op.align_corners && op.half_pixel_centers) {
    return "corners and centres aligned";
  }
  return std::nullopt;
}

Match result_differs(const Site& site) {
  for (std::size_t i = 0; i < site.op.outputs.size(); ++i) {
    const auto shape = result_shape(site, i);
    if (!shape) {
      return "";
    }
    if (*shape != site.output(i)->shape) {
      return format_text("{} instead of {}", to_string(site.output(i)->shape), to_string(*shape));
    }
  }
  return std::nullopt;
}

Match range_empty(const Site& site) {
  const Tensor& out = *site.output();
  if (!is_quantized(out.dtype)) {
    return std::nullopt;
  }
  const auto own = range_of(site.op.op);
  const Range range = own ? *own : *range_of(site.op.activation);
  const auto level = [&](float bound) {
    const double at = static_cast<double>(out.zero_points[0]) +
                      std::round(static_cast<double>(bound) / out.scales[0]);
    return std::clamp(at, static_cast<double>(lowest(out.dtype)),
                      static_cast<double>(highest(out.dtype)));
  };
  // One more than there must be: XNNPACK rounds halves the other way.
  return level(range.min) + 1 < level(range.max) ? std::nullopt : Match("");
}

Match scales_apart(const Site& site) {
  const Tensor& out = *site.output();
  if (!is_quantized(site.data()->dtype) || !is_quantized(out.dtype)) {
    return std::nullopt;
  }
  // The bounds are those that the library checks by ending the process.
  const double to = out.scales[0];
  const auto scale = [&](std::size_t i) { return static_cast<double>(site.input(i)->scales[0]); };
  switch (site.op.op) {
    case Op::conv_2d:
    case Op::depthwise_conv_2d:
    case Op::transpose_conv:
    case Op::fully_connected:
      for (const float weight : site.weights()->scales) {
        if (auto found = ratio_outside(site.data()->scales[0] * static_cast<double>(weight) / to,
                                       0x1p-31, 255)) {
          return found;
        }
      }
      return std::nullopt;
    case Op::add:
    case Op::sub: {
      auto found = ratio_outside(scale(0) / to, 0x1.01p-10, 0x1.fep+7);
      return found ? found : ratio_outside(scale(1) / to, 0x1.01p-10, 0x1.fep+7);
    }
    case Op::mul:
      return ratio_outside(scale(0) * scale(1) / to, 0x1.01p-16, 0x1.fep+7);
    case Op::quantize:
    case Op::leaky_relu:
      if (site.op.op == Op::leaky_relu) {
        const double slope = std::fabs(static_cast<double>(site.op.alpha));
        if (auto found = ratio_outside(scale(0) / to * slope, 0x1.01p-8, 0x1.fcp+6)) {
          return found;
        }
      }
      return ratio_outside(scale(0) / to, 0x1.01p-8, 0x1.fcp+6);
    case Op::concatenation:
      for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
        if (auto found = ratio_outside(scale(i) / to, 0x1.01p-8, 0x1.fcp+6)) {
          return found;
        }
      }
      return std::nullopt;
    case Op::mean: {
      double elements = 1;
      const std::vector<std::size_t> axes = mean_axes(site).value_or(std::vector<std::size_t>{});
      for (const std::size_t axis : axes) {
        elements *= site.input(0)->shape[axis];
      }
      auto found = ratio_outside(scale(0) / to, 0x1.01p-31, 255);
      return found ? found : ratio_outside(scale(0) / to / elements, 0x1.01p-31, 255);
    }
    default:
      return std::nullopt;
  }
}

Match quantization_changes(const Site& site) {
  const Tensor& from = *site.data();
  if (!keeps_values(site.op.op) || !is_quantized(from.dtype)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < site.op.outputs.size(); ++i) {
    if (!same_quantization(from, *site.output(i))) {
      return "";
    }
  }
  return std::nullopt;
}

Match pool_partial(const Site& site) {
  if (site.op.op != Op::average_pool_2d || !is_quantized(site.output()->dtype)) {
    return std::nullopt;
  }
  const Shape& in = site.input(0)->shape;
  const Shape& out = site.output()->shape;
  const bool whole = site.op.filter_h == in[1] && site.op.filter_w == in[2] && out[1] == 1 &&
                     out[2] == 1 && site.op.padding == graph::Padding::valid &&
                     site.op.activation == graph::Activation::none;
  return whole ? std::nullopt
               : Match(format_text("{}×{} of {}×{}", site.op.filter_h, site.op.filter_w, in[1],
                                   in[2]));
}

Match pool_window(const Site& site) {
  const Operator& op = site.op;
  if (op.op != Op::average_pool_2d && op.op != Op::max_pool_2d) {
    return std::nullopt;
  }
  const std::int64_t size = std::int64_t{op.filter_h} * op.filter_w;
  constexpr std::int64_t largest = 1 << 20;
  const bool apart = op.stride_h > op.filter_h || op.stride_w > op.filter_w;
  return size < 2 || size > largest || apart
             ? Match(format_text("{}×{}, stride {}×{}", op.filter_h, op.filter_w, op.stride_h,
                                 op.stride_w))
             : std::nullopt;
}

Match not_alone(const Site& /*site*/) { return std::nullopt; }

}  // namespace gantry::xnnpack
