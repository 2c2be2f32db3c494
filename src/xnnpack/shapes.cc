#include <algorithm>
#include <utility>

#include "site.h"

// The shapes that XNNPACK gives to results, worked out before it is asked: it writes as much as it
// thinks right, whatever the model's file says.
namespace gantry::xnnpack {
namespace {

using Extent = std::optional<std::int32_t>;

Extent narrowed(std::int64_t extent) {
  return extent < 1 || extent > INT32_MAX ? Extent{} : Extent{static_cast<std::int32_t>(extent)};
}

/// Of a window that moves over a picture.
Extent slid(const Site& site, std::int64_t in, std::int64_t kernel, std::int64_t stride,
            std::int64_t dilation) {
  if (kernel < 1 || stride < 1 || dilation < 1) {
    return {};
  }
  const std::int64_t reach = ((kernel - 1) * dilation) + 1;
  if (site.op.padding == graph::Padding::same) {
    return narrowed((in + stride - 1) / stride);
  }
  return in < reach ? Extent{} : narrowed(((in - reach) / stride) + 1);
}

std::optional<Shape> picture(std::int32_t batch, Extent height, Extent width,
                             std::int32_t channels) {
  return height && width ? std::optional(Shape{batch, *height, *width, channels}) : std::nullopt;
}

std::optional<Shape> convolved(const Site& site) {
  const Shape& in = site.input(0)->shape;
  const Shape& filter = site.input(1)->shape;
  const bool depthwise = site.op.op == Op::depthwise_conv_2d;
  if (in.size() != 4 || filter.size() != 4) {
    return std::nullopt;
  }
  const std::int32_t out_channels = depthwise ? filter[3] : filter[0];
  if (depthwise) {
    if (filter[0] != 1 || out_channels % in[3] != 0) {
      return std::nullopt;
    }
  } else if (in[3] % filter[3] != 0 || out_channels % (in[3] / filter[3]) != 0) {
    return std::nullopt;  // groups
  }
  return picture(in[0], slid(site, in[1], filter[1], site.op.stride_h, site.op.dilation_h),
                 slid(site, in[2], filter[2], site.op.stride_w, site.op.dilation_w), out_channels);
}

std::optional<Shape> pooled(const Site& site) {
  const Shape& in = site.input(0)->shape;
  if (in.size() != 4) {
    return std::nullopt;
  }
  return picture(in[0], slid(site, in[1], site.op.filter_h, site.op.stride_h, 1),
                 slid(site, in[2], site.op.filter_w, site.op.stride_w, 1), in[3]);
}

std::optional<Shape> connected(const Site& site) {
  const Shape& in = site.input(0)->shape;
  const Shape& filter = site.input(1)->shape;
  const auto count = element_count(in);
  if (filter.size() != 2 || in.empty() || !count ||
      *count % static_cast<std::size_t>(filter[1]) != 0) {
    return std::nullopt;
  }
  if (site.op.keep_dims) {
    if (in.back() != filter[1]) {
      return std::nullopt;
    }
    Shape out = in;
    out.back() = filter[0];
    return out;
  }
  const Extent rows = narrowed(static_cast<std::int64_t>(*count) / filter[1]);
  return rows ? std::optional(Shape{*rows, filter[0]}) : std::nullopt;
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 1; i <= out.size(); ++i) {
    const std::int32_t left = i <= a.size() ? a[a.size() - i] : 1;
    const std::int32_t right = i <= b.size() ? b[b.size() - i] : 1;
    if (left != right && left != 1 && right != 1) {
      return std::nullopt;
    }
    out[out.size() - i] = std::max(left, right);
  }
  return out;
}

std::optional<Shape> concatenated(const Site& site) {
  const auto axis = axis_of(site);
  if (!axis) {
    return std::nullopt;
  }
  Shape out = site.input(0)->shape;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < site.op.inputs.size(); ++i) {
    const Shape& in = site.input(i)->shape;
    if (in.size() != out.size()) {
      return std::nullopt;
    }
    for (std::size_t k = 0; k < in.size(); ++k) {
      if (k != *axis && in[k] != out[k]) {
        return std::nullopt;
      }
    }
    sum += in[*axis];
  }
  const Extent extent = narrowed(sum);
  if (!extent) {
    return std::nullopt;
  }
  out[*axis] = *extent;
  return out;
}

std::optional<Shape> split(const Site& site, std::size_t output) {
  const auto axis = axis_of(site);
  if (!axis) {
    return std::nullopt;
  }
  Shape out = site.data()->shape;
  const auto parts = static_cast<std::int32_t>(site.op.outputs.size());
  if (site.op.op == Op::split) {
    if (out[*axis] % parts != 0) {
      return std::nullopt;
    }
    out[*axis] /= parts;
    return out;
  }
  const auto sizes = integers(site.input(1));
  if (!sizes || sizes->size() != site.op.outputs.size()) {
    return std::nullopt;
  }
  // One may be -1: the rest. The graph's own shapes say how much that is; together they are all.
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    const Shape& shape = site.output(i)->shape;
    if (shape.size() != out.size() || ((*sizes)[i] != -1 && (*sizes)[i] != shape[*axis])) {
      return std::nullopt;
    }
    sum += shape[*axis];
  }
  if (sum != out[*axis]) {
    return std::nullopt;
  }
  out[*axis] = site.output(output)->shape[*axis];
  return out;
}

std::optional<Shape> padded(const Site& site) {
  const auto paddings = integers(site.input(1));
  Shape out = site.input(0)->shape;
  if (!paddings || paddings->size() != out.size() * 2) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t before = (*paddings)[i * 2];
    const std::int64_t after = (*paddings)[(i * 2) + 1];
    const Extent extent = before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX
                              ? Extent{}
                              : narrowed(out[i] + before + after);
    if (!extent) {
      return std::nullopt;
    }
    out[i] = *extent;
  }
  return out;
}

std::optional<Shape> reduced(const Site& site) {
  const auto axes = mean_axes(site);
  if (!axes) {
    return std::nullopt;
  }
  const Shape& in = site.input(0)->shape;
  Shape out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!std::ranges::contains(*axes, i)) {
      out.push_back(in[i]);
    } else if (site.op.keep_dims) {
      out.push_back(1);
    }
  }
  return out;
}

std::optional<Shape> sliced(const Site& site) {
  const auto begins = slice_begins(site);
  const auto ends = integers(site.input(2));
  const Shape& in = site.input(0)->shape;
  if (!begins || !ends || ends->size() != in.size()) {
    return std::nullopt;
  }
  Shape out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::int64_t extent = in[i];
    const auto begin = static_cast<std::int64_t>((*begins)[i]);
    std::int64_t size = (*ends)[i];
    if (site.op.op == Op::slice) {
      size = size == -1 ? extent - begin : size;
    } else {
      const bool whole = ((static_cast<std::uint32_t>(site.op.end_mask) >> i) & 1U) != 0;
      const std::int64_t named = size < 0 ? size + extent : size;
      const std::int64_t end = whole ? extent : named;
      size = std::clamp<std::int64_t>(end, 0, extent) - begin;
    }
    if (size < 1 || size > extent - begin) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::int32_t>(size));
  }
  return out;
}

std::optional<Shape> transposed(const Site& site) {
  const auto order = integers(site.input(1));
  const Shape& in = site.input(0)->shape;
  if (!order || order->size() != in.size()) {
    return std::nullopt;
  }
  std::vector<bool> seen(in.size(), false);
  Shape out;
  for (std::int64_t axis : *order) {
    axis += axis < 0 ? static_cast<std::int64_t>(in.size()) : 0;
    if (axis < 0 || std::cmp_greater_equal(axis, in.size()) ||
        seen[static_cast<std::size_t>(axis)]) {
      return std::nullopt;
    }
    seen[static_cast<std::size_t>(axis)] = true;
    out.push_back(in[static_cast<std::size_t>(axis)]);
  }
  return out;
}

std::optional<Shape> resized(const Site& site) {
  const auto size = integers(site.input(1));
  const Shape& in = site.input(0)->shape;
  if (!size || size->size() != 2 || in.size() != 4) {
    return std::nullopt;
  }
  return picture(in[0], narrowed((*size)[0]), narrowed((*size)[1]), in[3]);
}

/// What is said by the output's own shape, where it holds as many elements.
std::optional<Shape> same_count(const Site& site, std::size_t output) {
  const auto from = element_count(site.data()->shape);
  const auto to = element_count(site.output(output)->shape);
  return from && from == to ? std::optional(site.output(output)->shape) : std::nullopt;
}

/// The zeros that a transposed convolution's forward sister would add in one direction, and how far
/// the output reaches beyond what the kernel covers.
struct Fit {
  std::int64_t before, after, adjust;
};
std::optional<Fit> fit(const Site& site, std::int64_t in, std::int64_t out, std::int64_t kernel,
                       std::int64_t stride) {
  if (kernel < 1 || stride < 1 || kernel > INT16_MAX || stride > INT16_MAX) {
    return std::nullopt;
  }
  const bool same = site.op.padding == graph::Padding::same;
  const std::int64_t forward =
      same ? (out + stride - 1) / stride : (out - kernel + stride) / stride;
  if (forward != in) {
    return std::nullopt;
  }
  const std::int64_t covered = ((in - 1) * stride) + kernel;
  const std::int64_t padding = same ? std::max<std::int64_t>(covered - out, 0) : 0;
  const std::int64_t adjust = out - (covered - padding);
  if (adjust < 0 || adjust >= stride) {
    return std::nullopt;
  }
  return Fit{.before = padding / 2, .after = padding - (padding / 2), .adjust = adjust};
}

std::optional<Shape> deconvolved(const Site& site) {
  return deconvolution_of(site) ? std::optional(site.output()->shape) : std::nullopt;
}

}  // namespace

std::optional<Deconvolution> deconvolution_of(const Site& site) {
  const Shape& filter = site.input(1)->shape;
  const Shape& in = site.input(2)->shape;
  const Shape& out = site.output()->shape;
  const auto wanted = integers(site.input(0));
  if (filter.size() != 4 || in.size() != 4 || out.size() != 4 || !wanted ||
      !std::ranges::equal(*wanted, out) || in[0] != out[0] || in[3] != filter[3] ||
      out[3] != filter[0]) {
    return std::nullopt;
  }
  const auto down = fit(site, in[1], out[1], filter[1], site.op.stride_h);
  const auto across = fit(site, in[2], out[2], filter[2], site.op.stride_w);
  if (!down || !across) {
    return std::nullopt;
  }
  return Deconvolution{.top = static_cast<std::uint32_t>(down->before),
                       .bottom = static_cast<std::uint32_t>(down->after),
                       .left = static_cast<std::uint32_t>(across->before),
                       .right = static_cast<std::uint32_t>(across->after),
                       .adjust_h = static_cast<std::uint32_t>(down->adjust),
                       .adjust_w = static_cast<std::uint32_t>(across->adjust)};
}

std::optional<Shape> result_shape(const Site& site, std::size_t output) {
  switch (site.op.op) {
    case Op::conv_2d:
    case Op::depthwise_conv_2d:
      return convolved(site);
    case Op::transpose_conv:
      return deconvolved(site);
    case Op::fully_connected:
      return connected(site);
    case Op::average_pool_2d:
    case Op::max_pool_2d:
      return pooled(site);
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::maximum:
    case Op::minimum:
    case Op::squared_difference:
      return broadcast(site.input(0)->shape, site.input(1)->shape);
    case Op::prelu: {
      const auto shape = broadcast(site.input(0)->shape, site.input(1)->shape);
      return shape == site.input(0)->shape ? shape : std::nullopt;
    }
    case Op::concatenation:
      return concatenated(site);
    case Op::split:
    case Op::split_v:
      return split(site, output);
    case Op::pad:
      return padded(site);
    case Op::mean:
      return reduced(site);
    case Op::slice:
    case Op::strided_slice:
      return sliced(site);
    case Op::transpose:
      return transposed(site);
    case Op::resize_bilinear:
      return resized(site);
    case Op::reshape:
    case Op::squeeze:
    case Op::expand_dims:
      return same_count(site, output);
    default:
      return site.data()->shape;
  }
}

}  // namespace gantry::xnnpack
