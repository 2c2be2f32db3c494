#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "cbuf.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "predicates.h"

namespace gantry::npu {
namespace {

/// Input, weights, bias and output of a convolution, operands and sum of an addition; those that
/// are there.
struct Named {
  std::string_view name;
  const Tensor* tensor;
};
std::array<Named, 4> tensors_of(const Site& site) {
  if (site.is_conv()) {
    return {{{"input", site.input(0)},
             {"weights", site.input(1)},
             {"bias", site.input(2)},
             {"output", site.output()}}};
  }
  return {{{"first operand", site.input(0)},
           {"second operand", site.input(1)},
           {"", nullptr},
           {"sum", site.output()}}};
}

bool is_conv_or_add(const Site& site) { return site.is_conv() || site.op().op == Op::add; }

template <class Test>
Match first_dtype(const Site& site, Test test) {
  if (!is_conv_or_add(site)) {
    return std::nullopt;
  }
  for (const Named& named : tensors_of(site)) {
    if (named.tensor != nullptr && named.name != "bias" && test(named.tensor->dtype)) {
      return format_text("{} is {}", named.name, dtype_name(named.tensor->dtype));
    }
  }
  return std::nullopt;
}

bool is_float(DType type) {
  return type == DType::float16 || type == DType::float32 || type == DType::float64;
}

/// As the driver compares: every scale has the first one's bits.
bool differ(const std::vector<float>& scales) {
  return std::ranges::any_of(scales, [&](float scale) {
    return std::bit_cast<std::uint32_t>(scale) != std::bit_cast<std::uint32_t>(scales.front());
  });
}

/// The real values that a tensor of 8 bits can hold.
struct Range {
  float low, high;
};
Range range_of(const Tensor& tensor, float scale) {
  const bool is_signed = tensor.dtype == DType::int8;
  const auto zero_point = static_cast<float>(zero_point_of(tensor));
  return {((is_signed ? -128.0F : 0.0F) - zero_point) * scale,
          ((is_signed ? 127.0F : 255.0F) - zero_point) * scale};
}

}  // namespace

Match per_axis_scales(const Site& site) {
  if (!site.is_conv()) {
    return std::nullopt;
  }
  for (const Named& named : tensors_of(site)) {
    if (named.tensor != nullptr && differ(named.tensor->scales)) {
      return format_text("{} has {} scales", named.name, named.tensor->scales.size());
    }
  }
  return std::nullopt;
}

Match per_axis_zero_points(const Site& site) {
  if (!site.is_conv()) {
    return std::nullopt;
  }
  for (const Named& named : tensors_of(site)) {
    if (named.tensor != nullptr && named.tensor->scales.size() > 1 &&
        std::ranges::any_of(named.tensor->zero_points, [&](std::int64_t zero_point) {
          return zero_point != named.tensor->zero_points.front();
        })) {
      return format_text("{} has {} zero points", named.name, named.tensor->zero_points.size());
    }
  }
  return std::nullopt;
}

Match dilation(const Site& site) {
  const Operator& op = site.op();
  return site.is_conv() && op.version >= 2 && (op.dilation_h != 1 || op.dilation_w != 1)
             ? Match(format_text("dilation {}×{}", op.dilation_h, op.dilation_w))
             : std::nullopt;
}

Match dilation_in_version_1(const Site& site) {
  const Operator& op = site.op();
  return site.is_conv() && op.version < 2 && (op.dilation_h != 1 || op.dilation_w != 1)
             ? Match(format_text("dilation {}×{}, version {}", op.dilation_h, op.dilation_w,
                                 op.version))
             : std::nullopt;
}

Match relu6_range(const Site& site) {
  constexpr float six = 6.0F;
  const Tensor* const output = site.output();
  if (!site.is_conv() || site.op().activation != Activation::relu6 || output == nullptr) {
    return std::nullopt;
  }
  if (output->dtype != DType::uint8 && output->dtype != DType::int8) {
    return format_text("output is {}", dtype_name(output->dtype));
  }
  // In float32, as the driver does: (255 - 0) * (6 / 255) is exactly 6 there.
  for (const float scale : output->scales) {
    if (!(range_of(*output, scale).high <= six)) {
      return format_text("output reaches {:.3f}", range_of(*output, scale).high);
    }
  }
  return std::nullopt;
}

Match conv_parameters_computed(const Site& site) {
  if (!site.is_conv()) {
    return std::nullopt;
  }
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    if (site.input(i) != nullptr && !site.input(i)->constant) {
      return i == 1 ? "weights" : "bias";
    }
  }
  return std::nullopt;
}

Match weights_and_input_too_large(const Site& site) {
  const auto shape = conv_shape(site);
  if (!shape) {
    return std::nullopt;
  }
  const CbufPlan plan = plan_cbuf(*shape);
  return !plan.weights_resident && !plan.fits
             ? Match(format_text("{} of weights, {} of {} banks for the input",
                                 human_bytes(static_cast<std::uint64_t>(plan.weight_bytes)),
                                 plan.input_banks, plan.usable_banks))
             : std::nullopt;
}

Match map_too_wide(const Site& site) {
  const auto shape = conv_shape(site);
  if (!shape) {
    return std::nullopt;
  }
  const CbufPlan plan = plan_cbuf(*shape);
  return plan.never_ends
             ? Match(format_text("{}×{}×{}", shape->height, shape->width, shape->channels))
             : std::nullopt;
}

Match conv_rank(const Site& site) { return match_if(site.is_conv() && !conv_shape(site)); }

Match float_tensor(const Site& site) { return first_dtype(site, is_float); }

Match int8_tensor(const Site& site) {
  return first_dtype(site, [](DType type) { return type == DType::int8; });
}

Match other_dtype(const Site& site) {
  return first_dtype(site, [](DType type) {
    return type != DType::uint8 && type != DType::int8 && !is_float(type);
  });
}

Match batch(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->batch != 1 ? Match(format_text("batch {}", shape->batch)) : std::nullopt;
}

Match grouped(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && !shape->depthwise && shape->filter_channels != shape->channels
             ? Match(format_text("{} channels, {} in the filter", shape->channels,
                                 shape->filter_channels))
             : std::nullopt;
}

Match depthwise_one_channel(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->depthwise && shape->channels == 1 && shape->out_channels > 1
             ? Match(format_text("1 channel in, {} out", shape->out_channels))
             : std::nullopt;
}

Match depthwise_multiplier(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->depthwise && shape->channels > 1 && shape->out_channels != shape->channels
             ? Match(format_text("{} channels in, {} out", shape->channels, shape->out_channels))
             : std::nullopt;
}

Match one_to_one_channel(const Site& site) {
  const auto shape = conv_shape(site);
  return match_if(shape && shape->channels == 1 && shape->out_channels == 1);
}

Match uneven_stride(const Site& site) {
  const Operator& op = site.op();
  return site.is_conv() && op.stride_h != op.stride_w
             ? Match(format_text("stride {}×{}", op.stride_h, op.stride_w))
             : std::nullopt;
}

Match uneven_kernel(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->kernel_height != shape->kernel_width
             ? Match(format_text("kernel {}×{}", shape->kernel_height, shape->kernel_width))
             : std::nullopt;
}

Match uneven_map(const Site& site) {
  const auto shape = conv_shape(site);
  if (!shape || shape->height == shape->width) {
    return std::nullopt;
  }
  // A single channel is not laid out pixel by pixel: each row is padded to 16 bytes.
  const bool is_linear = shape->kernel_height == 1 && shape->kernel_width == 1 &&
                         shape->stride_height == 1 && shape->stride_width == 1 &&
                         shape->channels > 1;
  return is_linear ? std::nullopt : Match(format_text("{}×{}", shape->height, shape->width));
}

Match depthwise_channels_33_to_47(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->depthwise && shape->channels % 64 >= 33 && shape->channels % 64 <= 47
             ? Match(format_text("{} channels", shape->channels))
             : std::nullopt;
}

Match conv_channels_17_to_31(const Site& site) {
  const auto shape = conv_shape(site);
  // 49 to 63 and so on are right: there the last group's padding is programmed as it is packed.
  return shape && !shape->depthwise && shape->channels >= 17 && shape->channels <= 31
             ? Match(format_text("{} channels", shape->channels))
             : std::nullopt;
}

Match single_channel_inside(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && !shape->depthwise && shape->channels == 1 &&
                 site.producer_here(site.input_index(0)) >= 0
             ? Match("")
             : std::nullopt;
}

Match conv_odd_outputs(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && !shape->depthwise && shape->out_channels % 2 == 1 &&
                 shape->kernel_height * shape->kernel_width > 1 && shape->channels > 32 &&
                 shape->channels % 32 >= 1 && shape->channels % 32 <= 16
             ? Match(format_text("{} channels to {}, kernel {}×{}", shape->channels,
                                 shape->out_channels, shape->kernel_height, shape->kernel_width))
             : std::nullopt;
}

Match depthwise_channels_17_to_63(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->depthwise && shape->channels >= 17 && shape->channels <= 63 &&
                 shape->channels % 16 != 0
             ? Match(format_text("{} channels", shape->channels))
             : std::nullopt;
}

Match depthwise_channels_81_to_95(const Site& site) {
  const auto shape = conv_shape(site);
  return shape && shape->depthwise && shape->channels > 64 && shape->channels % 64 >= 17 &&
                 shape->channels % 64 <= 31
             ? Match(format_text("{} channels", shape->channels))
             : std::nullopt;
}

Match depthwise_border(const Site& site) {
  const auto shape = conv_shape(site);
  if (!shape || !shape->depthwise || site.input(0) == nullptr ||
      (shape->padding_height() == 0 && shape->padding_width() == 0)) {
    return std::nullopt;
  }
  // Those for which the register's second byte happens to equal its first.
  constexpr std::int64_t middle = 0x80;
  constexpr std::int64_t special = 0x8B;
  constexpr std::int64_t kernel_of_special_zero = 3;
  const std::int64_t zero_point = zero_point_of(*site.input(0));
  const bool is_even = zero_point == middle || zero_point == special ||
                       (zero_point == 0 && shape->kernel_height >= kernel_of_special_zero);
  return is_even ? std::nullopt : Match(format_text("input zero point {}", zero_point));
}

Match register_too_narrow(const Site& site) {
  const auto shape = conv_shape(site);
  if (!shape) {
    return std::nullopt;
  }
  // Bits of the fields that hold them, section E.2.
  constexpr std::int64_t most_stride = 7;
  constexpr std::int64_t most_kernel = 31;
  constexpr std::int64_t most_side = 2047;
  constexpr std::int64_t most_padding = 15;
  constexpr std::int64_t most_channels = 8192;
  struct Limit {
    std::string_view name;
    std::int64_t value, most;
  };
  for (const Limit& limit :
       {Limit{"stride", shape->stride_width, most_stride},
        Limit{"kernel", std::max(shape->kernel_height, shape->kernel_width), most_kernel},
        Limit{"side", std::max(shape->height, shape->width), most_side},
        Limit{"padding", std::max(shape->padding_height(), shape->padding_width()) / 2,
              most_padding},
        Limit{"channels", std::max(shape->channels, shape->out_channels), most_channels}}) {
    if (limit.value > limit.most) {
      return format_text("{} {}, at most {}", limit.name, limit.value, limit.most);
    }
  }
  return std::nullopt;
}

Match constant_input(const Site& site) {
  return match_if(site.is_conv() && site.input(0) != nullptr && site.input(0)->constant);
}

Match conv_scale_overflow(const Site& site) {
  if (!site.is_conv() || site.input(0) == nullptr || site.input(1) == nullptr ||
      site.output() == nullptr) {
    return std::nullopt;
  }
  return match_if(overflows_scale(scale_of(*site.input(0)), scale_of(*site.input(1)),
                                  scale_of(*site.output())));
}

Match activation_lost(const Site& site) {
  const Tensor* const output = site.output();
  if (!is_conv_or_add(site) || output == nullptr) {
    return std::nullopt;
  }
  const Range range = range_of(*output, scale_of(*output));
  const float step = scale_of(*output) / 2;  // what rounds to the border is within it
  switch (site.op().activation) {
    case Activation::none:
      return std::nullopt;
    case Activation::relu:
    case Activation::relu6:
      return range.low < 0 ? Match(format_text("zero point {}", zero_point_of(*output)))
                           : std::nullopt;
    case Activation::relu_n1_to_1:
      return range.low < -1 - step || range.high > 1 + step
                 ? Match(format_text("output reaches {:.3f} to {:.3f}", range.low, range.high))
                 : std::nullopt;
    case Activation::tanh:
      return "TANH";
    case Activation::sign_bit:
      return "SIGN_BIT";
  }
  return std::nullopt;
}

}  // namespace gantry::npu
