#include "subgraph.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "gantry/base/format.h"
#include "half.h"
#include "site.h"

namespace gantry::xnnpack {
namespace {

using Dims = std::vector<std::size_t>;
using Id = std::uint32_t;

Dims dims_of(const Shape& shape) {
  Dims dims;
  for (const std::int32_t extent : shape) {
    dims.push_back(static_cast<std::size_t>(extent));
  }
  return dims;
}

xnn_datatype datatype_of(const Tensor& tensor) {
  switch (tensor.dtype) {
    case DType::float32:
      return xnn_datatype_fp32;
    case DType::uint8:
      return xnn_datatype_quint8;
    case DType::int8:
      return xnn_datatype_qint8;
    default:
      return xnn_datatype_invalid;
  }
}

/// Zeros around a picture. The library can work them out itself, and then takes a negative number
/// for a large one where a stride steps over pixels.
struct Zeros {
  std::uint32_t before, after;
};
Zeros zeros_of(const Operator& op, std::int64_t in, std::int64_t out, std::int64_t kernel,
               std::int64_t stride, std::int64_t dilation) {
  const std::int64_t total =
      op.padding == graph::Padding::same
          ? std::max<std::int64_t>(((out - 1) * stride) + ((kernel - 1) * dilation) + 1 - in, 0)
          : 0;
  return {.before = static_cast<std::uint32_t>(total / 2),
          .after = static_cast<std::uint32_t>(total - (total / 2))};
}

class Builder {
 public:
  Builder(const Library& library, const Graph& graph, xnn_subgraph_t subgraph,
          PaddedConstants& constants)
      : x_(library), graph_(graph), subgraph_(subgraph), constants_(constants) {}

  /// False: the library refused.
  bool declare(std::int32_t index, Id external, std::uint32_t flags) {
    const Tensor& tensor = graph_.tensors[static_cast<std::size_t>(index)];
    return define(tensor, tensor.shape, nullptr, external, flags, values_[index]);
  }
  bool add(const Operator& op);

 private:
  bool define(const Tensor& like, const Shape& shape, const void* data, Id external,
              std::uint32_t flags, Id& id) {
    const Dims dims = dims_of(shape);
    if (like.dtype == DType::float32) {
      return ok(x_.xnn_define_tensor_value(subgraph_, xnn_datatype_fp32, dims.size(), dims.data(),
                                           data, external, flags, &id));
    }
    return ok(x_.xnn_define_quantized_tensor_value(
        subgraph_, datatype_of(like), static_cast<std::int32_t>(like.zero_points[0]),
        like.scales[0], dims.size(), dims.data(), data, external, flags, &id));
  }
  /// The value of a tensor that operators read or write, made where it is met first.
  bool value(std::int32_t index, Id& id) {
    if (const auto known = values_.find(index); known != values_.end()) {
      id = known->second;
      return true;
    }
    const Tensor& tensor = graph_.tensors[static_cast<std::size_t>(index)];
    const void* const data = is_known(tensor) ? constants_.get(index, tensor) : nullptr;
    if (!define(tensor, tensor.shape, data, XNN_INVALID_VALUE_ID, 0, id)) {
      return false;
    }
    values_[index] = id;
    return true;
  }
  bool weights(const Site& site, Id& filter, Id& bias);
  bool concatenate(const Site& site, Id out);
  bool convolution(const Site& site, Id in, Id out);
  bool deconvolution(const Site& site, Id in, Id out);
  bool connected(const Site& site, Id in, Id out);
  bool pooling(const Site& site, Id in, Id out);
  bool split(const Site& site, Id in);
  bool binary(xnn_binary_operator type, const Site& site, Id out);
  bool unary(xnn_unary_operator type, Id in, Id out, const xnn_unary_params* params = nullptr) {
    return ok(x_.xnn_define_unary(subgraph_, type, params, in, out, 0));
  }
  static bool ok(xnn_status status) { return status == xnn_status_success; }

  const Library& x_;
  const Graph& graph_;
  xnn_subgraph_t subgraph_;
  PaddedConstants& constants_;
  std::unordered_map<std::int32_t, Id> values_;  ///< by tensor
};

bool Builder::weights(const Site& site, Id& filter, Id& bias) {
  const Tensor& from = *site.weights();
  const Dims dims = dims_of(from.shape);
  bias = XNN_INVALID_VALUE_ID;
  // Packed when the runtime is made, straight from the model's bytes.
  const void* const data = from.data.data();
  const Tensor* const to_add = site.bias();
  const Dims count{to_add == nullptr ? 0 : element_count(to_add->shape).value_or(0)};
  const void* const added = to_add == nullptr ? nullptr : to_add->data.data();
  if (from.dtype == DType::float32) {
    return ok(x_.xnn_define_tensor_value(subgraph_, xnn_datatype_fp32, dims.size(), dims.data(),
                                         data, XNN_INVALID_VALUE_ID, 0, &filter)) &&
           (to_add == nullptr ||
            ok(x_.xnn_define_tensor_value(subgraph_, xnn_datatype_fp32, 1, count.data(), added,
                                          XNN_INVALID_VALUE_ID, 0, &bias)));
  }
  if (from.scales.size() > 1) {
    const std::size_t channels = site.op.op == Op::depthwise_conv_2d ? 3 : 0;
    return ok(x_.xnn_define_channelwise_quantized_tensor_value(
               subgraph_, xnn_datatype_qcint8, from.scales.data(), dims.size(), channels,
               dims.data(), data, XNN_INVALID_VALUE_ID, 0, &filter)) &&
           // A bias's own scales are that of the input times these, and nobody reads them.
           (to_add == nullptr || ok(x_.xnn_define_channelwise_quantized_tensor_value(
                                     subgraph_, xnn_datatype_qcint32, from.scales.data(), 1, 0,
                                     count.data(), added, XNN_INVALID_VALUE_ID, 0, &bias)));
  }
  return ok(x_.xnn_define_quantized_tensor_value(
             subgraph_, datatype_of(from), static_cast<std::int32_t>(from.zero_points[0]),
             from.scales[0], dims.size(), dims.data(), data, XNN_INVALID_VALUE_ID, 0, &filter)) &&
         (to_add == nullptr || ok(x_.xnn_define_quantized_tensor_value(
                                   subgraph_, xnn_datatype_qint32, 0, from.scales[0], 1,
                                   count.data(), added, XNN_INVALID_VALUE_ID, 0, &bias)));
}

bool Builder::convolution(const Site& site, Id in, Id out) {
  Id filter = 0;
  Id bias = 0;
  if (!weights(site, filter, bias)) {
    return false;
  }
  const Operator& op = site.op;
  const Dims shape = dims_of(site.weights()->shape);
  const auto channels = static_cast<std::size_t>(site.input(0)->shape[3]);
  const Range range = *range_of(op.activation);
  const Shape& from = site.input(0)->shape;
  const Shape& to = site.output()->shape;
  const Shape& kernel = site.weights()->shape;
  const Zeros down = zeros_of(op, from[1], to[1], kernel[1], op.stride_h, op.dilation_h);
  const Zeros across = zeros_of(op, from[2], to[2], kernel[2], op.stride_w, op.dilation_w);
  const auto number = [](auto value) { return static_cast<std::uint32_t>(value); };
  if (op.op == Op::depthwise_conv_2d) {
    return ok(x_.xnn_define_depthwise_convolution_2d(
        subgraph_, down.before, across.after, down.after, across.before, number(shape[1]),
        number(shape[2]), number(op.stride_h), number(op.stride_w), number(op.dilation_h),
        number(op.dilation_w), number(shape[3] / channels), channels, range.min, range.max, in,
        filter, bias, out, 0));
  }
  const std::size_t groups = channels / shape[3];
  return ok(x_.xnn_define_convolution_2d(
      subgraph_, down.before, across.after, down.after, across.before, number(shape[1]),
      number(shape[2]), number(op.stride_h), number(op.stride_w), number(op.dilation_h),
      number(op.dilation_w), number(groups), shape[3], shape[0] / groups, range.min, range.max, in,
      filter, bias, out, 0));
}

bool Builder::deconvolution(const Site& site, Id in, Id out) {
  Id filter = 0;
  Id bias = 0;
  if (!weights(site, filter, bias)) {
    return false;
  }
  const Dims shape = dims_of(site.weights()->shape);
  const Deconvolution fit = *deconvolution_of(site);
  const Range range = *range_of(site.op.activation);
  return ok(x_.xnn_define_deconvolution_2d(
      subgraph_, fit.top, fit.right, fit.bottom, fit.left, fit.adjust_h, fit.adjust_w,
      static_cast<std::uint32_t>(shape[1]), static_cast<std::uint32_t>(shape[2]),
      static_cast<std::uint32_t>(site.op.stride_h), static_cast<std::uint32_t>(site.op.stride_w), 1,
      1, 1, shape[3], shape[0], range.min, range.max, in, filter, bias, out, 0));
}

bool Builder::connected(const Site& site, Id in, Id out) {
  Id filter = 0;
  Id bias = 0;
  if (!weights(site, filter, bias)) {
    return false;
  }
  const Tensor& from = *site.input(0);
  if (!site.op.keep_dims && from.shape.size() != 2) {
    // The library's own flag for this (TENSORFLOW_RESHAPE_2D) gives noise where it packs its left
    // side first, as it does on arm64 with SME.
    const std::int32_t features = site.weights()->shape[1];
    const Shape flat{static_cast<std::int32_t>(element_count(from.shape).value_or(0)) / features,
                     features};
    const Dims dims = dims_of(flat);
    Id flattened = 0;
    if (!define(from, flat, nullptr, XNN_INVALID_VALUE_ID, 0, flattened) ||
        !ok(x_.xnn_define_static_reshape(subgraph_, dims.size(), dims.data(), in, flattened, 0))) {
      return false;
    }
    in = flattened;
  }
  const Range range = *range_of(site.op.activation);
  return ok(
      x_.xnn_define_fully_connected(subgraph_, range.min, range.max, in, filter, bias, out, 0));
}

bool Builder::pooling(const Site& site, Id in, Id out) {
  const Operator& op = site.op;
  const Range range = *range_of(op.activation);
  const Shape& from = site.input(0)->shape;
  const Shape& to = site.output()->shape;
  const Zeros down = zeros_of(op, from[1], to[1], op.filter_h, op.stride_h, 1);
  const Zeros across = zeros_of(op, from[2], to[2], op.filter_w, op.stride_w, 1);
  const auto number = [](std::int32_t value) { return static_cast<std::uint32_t>(value); };
  if (op.op == Op::max_pool_2d) {
    return ok(x_.xnn_define_max_pooling_2d(subgraph_, down.before, across.after, down.after,
                                           across.before, number(op.filter_h), number(op.filter_w),
                                           number(op.stride_h), number(op.stride_w), 1, 1,
                                           range.min, range.max, in, out, 0));
  }
  if (is_quantized(site.output()->dtype)) {  // the whole picture: see pool_partial
    constexpr std::array<std::size_t, 2> axes{1, 2};
    return ok(x_.xnn_define_static_reduce(subgraph_, xnn_reduce_mean, axes.size(), axes.data(), in,
                                          out, XNN_FLAG_KEEP_DIMS));
  }
  return ok(x_.xnn_define_average_pooling_2d(
      subgraph_, down.before, across.after, down.after, across.before, number(op.filter_h),
      number(op.filter_w), number(op.stride_h), number(op.stride_w), range.min, range.max, in, out,
      0));
}

bool Builder::binary(xnn_binary_operator type, const Site& site, Id out) {
  Id left = 0;
  Id right = 0;
  if (!value(site.op.inputs[0], left) || !value(site.op.inputs[1], right)) {
    return false;
  }
  const Range range = *range_of(site.op.activation);
  const xnn_binary_params params{.output_min = range.min, .output_max = range.max};
  return ok(x_.xnn_define_binary(subgraph_, type, &params, left, right, out, 0));
}

bool Builder::concatenate(const Site& site, Id out) {
  const Tensor& to = *site.output();
  const std::size_t axis = *axis_of(site);
  std::vector<Id> parts;
  std::vector<std::int32_t> extents;
  for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
    const Tensor& from = *site.input(i);
    Id& id = parts.emplace_back();
    extents.push_back(from.shape[axis]);
    if (!value(site.op.inputs[i], id)) {
      return false;
    }
    if (is_quantized(to.dtype) &&
        (from.scales != to.scales || from.zero_points != to.zero_points)) {
      Id converted = 0;
      if (!define(to, from.shape, nullptr, XNN_INVALID_VALUE_ID, 0, converted) ||
          !unary(xnn_unary_convert, id, converted)) {
        return false;
      }
      id = converted;
    }
  }
  // At most five at a time: the first five become one, until five or fewer are left.
  constexpr std::size_t most = 5;
  const auto join = [&](std::span<const Id> from, Id into) {
    const auto at = static_cast<std::int32_t>(axis);
    switch (from.size()) {
      case 2:
        return ok(x_.xnn_define_concatenate2(subgraph_, at, from[0], from[1], into, 0));
      case 3:
        return ok(x_.xnn_define_concatenate3(subgraph_, at, from[0], from[1], from[2], into, 0));
      case 4:
        return ok(
            x_.xnn_define_concatenate4(subgraph_, at, from[0], from[1], from[2], from[3], into, 0));
      default:
        return ok(x_.xnn_define_concatenate5(subgraph_, at, from[0], from[1], from[2], from[3],
                                             from[4], into, 0));
    }
  };
  while (parts.size() > most) {
    Shape shape = to.shape;
    shape[axis] = 0;
    for (std::size_t i = 0; i < most; ++i) {
      shape[axis] += extents[i];
    }
    Id joined = 0;
    if (!define(to, shape, nullptr, XNN_INVALID_VALUE_ID, 0, joined) ||
        !join(std::span(parts).first(most), joined)) {
      return false;
    }
    parts.erase(parts.begin() + 1, parts.begin() + most);
    extents.erase(extents.begin() + 1, extents.begin() + most);
    parts[0] = joined;
    extents[0] = shape[axis];
  }
  return join(parts, out);
}

bool Builder::split(const Site& site, Id in) {
  const std::size_t axis = *axis_of(site);
  Dims begin(site.data()->shape.size(), 0);
  for (std::size_t i = 0; i < site.op.outputs.size(); ++i) {
    const Dims size = dims_of(site.output(i)->shape);
    Id out = 0;
    if (!value(site.op.outputs[i], out) ||
        !ok(x_.xnn_define_static_slice(subgraph_, size.size(), begin.data(), size.data(), in, out,
                                       0))) {
      return false;
    }
    begin[axis] += size[axis];
  }
  return true;
}

bool Builder::add(const Operator& op) {
  static const std::vector<std::uint8_t> nobody_asks;
  const Site site{.graph = graph_, .writers = nobody_asks, .op = op, .kind = find_kind(op.op)};
  std::size_t first = 0;  // input that is no parameter
  while (site.is_parameter(first)) {
    ++first;
  }
  Id in = 0;
  Id out = 0;
  if (!value(op.inputs[first], in) || !value(op.outputs[0], out)) {
    return false;
  }
  xnn_unary_params params{};
  switch (op.op) {
    case Op::conv_2d:
    case Op::depthwise_conv_2d:
      return convolution(site, in, out);
    case Op::transpose_conv:
      return deconvolution(site, in, out);
    case Op::fully_connected:
      return connected(site, in, out);
    case Op::add:
      return binary(xnn_binary_add, site, out);
    case Op::sub:
      return binary(xnn_binary_subtract, site, out);
    case Op::mul:
      return binary(xnn_binary_multiply, site, out);
    case Op::div:
      return binary(xnn_binary_divide, site, out);
    case Op::maximum:
      return binary(xnn_binary_maximum, site, out);
    case Op::minimum:
      return binary(xnn_binary_minimum, site, out);
    case Op::squared_difference:
      return binary(xnn_binary_squared_difference, site, out);
    case Op::prelu:
      return binary(xnn_binary_prelu, site, out);
    case Op::average_pool_2d:
    case Op::max_pool_2d:
      return pooling(site, in, out);
    case Op::mean: {
      const auto axes = *mean_axes(site);
      return ok(x_.xnn_define_static_reduce(subgraph_, xnn_reduce_mean, axes.size(), axes.data(),
                                            in, out, op.keep_dims ? XNN_FLAG_KEEP_DIMS : 0));
    }
    case Op::resize_bilinear: {
      const Dims size = dims_of(site.output()->shape);
      const std::uint32_t not_corners =
          op.half_pixel_centers ? 0U : XNN_FLAG_TENSORFLOW_LEGACY_MODE;
      const std::uint32_t flags = op.align_corners ? XNN_FLAG_ALIGN_CORNERS : not_corners;
      return ok(
          x_.xnn_define_static_resize_bilinear_2d(subgraph_, size[1], size[2], in, out, flags));
    }
    case Op::logistic:
      return unary(xnn_unary_sigmoid, in, out);
    case Op::tanh:
      return unary(xnn_unary_tanh, in, out);
    case Op::hard_swish:
      return unary(xnn_unary_hardswish, in, out);
    case Op::elu:
      params.elu.alpha = 1.0F;
      return unary(xnn_unary_elu, in, out, &params);
    case Op::leaky_relu:
      params.leaky_relu.negative_slope = op.alpha;
      return unary(xnn_unary_leaky_relu, in, out, &params);
    case Op::relu:
    case Op::relu6:
    case Op::relu_n1_to_1:
      params.clamp.min = range_of(op.op)->min;
      params.clamp.max = range_of(op.op)->max;
      return unary(xnn_unary_clamp, in, out, &params);
    case Op::abs:
      return unary(xnn_unary_abs, in, out);
    case Op::neg:
      return unary(xnn_unary_negate, in, out);
    case Op::ceil:
      return unary(xnn_unary_ceiling, in, out);
    case Op::floor:
      return unary(xnn_unary_floor, in, out);
    case Op::square:
      return unary(xnn_unary_square, in, out);
    case Op::sqrt:
      return unary(xnn_unary_square_root, in, out);
    case Op::rsqrt:
      return unary(xnn_unary_reciprocal_square_root, in, out);
    case Op::quantize:
    case Op::dequantize:
      return unary(xnn_unary_convert, in, out);
    case Op::softmax:
      return ok(x_.xnn_define_softmax(subgraph_, in, out, 0));
    case Op::concatenation:
      return concatenate(site, out);
    case Op::split:
    case Op::split_v:
      return split(site, in);
    case Op::slice:
    case Op::strided_slice: {
      const auto begins = *slice_begins(site);
      const Dims size = dims_of(site.output()->shape);
      return ok(x_.xnn_define_static_slice(subgraph_, size.size(), begins.data(), size.data(), in,
                                           out, 0));
    }
    case Op::transpose: {
      Dims order;
      for (const std::int64_t axis : *integers(site.input(1))) {
        const auto rank = static_cast<std::int64_t>(site.input(0)->shape.size());
        order.push_back(static_cast<std::size_t>(axis < 0 ? axis + rank : axis));
      }
      return ok(x_.xnn_define_static_transpose(subgraph_, order.size(), order.data(), in, out, 0));
    }
    case Op::pad: {
      Dims before;
      Dims after;
      const auto paddings = *integers(site.input(1));
      for (std::size_t i = 0; i < paddings.size(); i += 2) {
        before.push_back(static_cast<std::size_t>(paddings[i]));
        after.push_back(static_cast<std::size_t>(paddings[i + 1]));
      }
      return ok(x_.xnn_define_static_constant_pad(subgraph_, before.data(), after.data(), 0.0F, in,
                                                  out, 0));
    }
    case Op::reshape:
    case Op::squeeze:
    case Op::expand_dims: {
      const Dims shape = dims_of(site.output()->shape);
      return ok(x_.xnn_define_static_reshape(subgraph_, shape.size(), shape.data(), in, out, 0));
    }
    default:
      return false;
  }
}

}  // namespace

const void* PaddedConstants::get(std::int32_t index, const graph::Tensor& tensor) {
  const std::scoped_lock lock(mutex_);
  auto& copy = copies_[index];
  if (copy.empty()) {
    copy.resize(tensor.data.size() + XNN_EXTRA_BYTES);
    std::memcpy(copy.data(), tensor.data.data(), tensor.data.size());
  }
  return copy.data();
}

Result<Subgraph> build_subgraph(const Library& library, const graph::Graph& graph,
                                std::span<const std::int32_t> operators,
                                std::span<const std::int32_t> inputs,
                                std::span<const std::int32_t> outputs, PaddedConstants& constants) {
  xnn_subgraph_t made = nullptr;
  const auto externals = static_cast<std::uint32_t>(inputs.size() + outputs.size());
  if (library.xnn_create_subgraph(externals, 0, &made) != xnn_status_success) {
    return fail(Code::resource_exhausted, "XNNPACK made no subgraph");
  }
  Subgraph subgraph(made, {.library = &library});
  Builder builder(library, graph, made, constants);
  std::uint32_t external = 0;
  for (const std::int32_t tensor : inputs) {
    if (!builder.declare(tensor, external++, XNN_VALUE_FLAG_EXTERNAL_INPUT)) {
      return fail(Code::unimplemented, "XNNPACK refused an input");
    }
  }
  for (const std::int32_t tensor : outputs) {
    if (!builder.declare(tensor, external++, XNN_VALUE_FLAG_EXTERNAL_OUTPUT)) {
      return fail(Code::unimplemented, "XNNPACK refused an output");
    }
  }
  for (const std::int32_t index : operators) {
    const Operator& op = graph.operators[static_cast<std::size_t>(index)];
    if (!widens_constant(graph, op) && !builder.add(op)) {
      return fail(Code::unimplemented,
                  format_text("XNNPACK refused operator {} ({})", index, op.name));
    }
  }
  return subgraph;
}

}  // namespace gantry::xnnpack
