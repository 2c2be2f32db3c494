#include <algorithm>
#include <array>
#include <cmath>

#include "gantry/base/format.h"
#include "predicates.h"

// An addition is fused into the convolution that computes its first operand, its host.
namespace gantry::npu {
namespace {

/// The host; empty where the first operand is no convolution's of the same partition.
std::optional<Site> host_of(const Site& add) {
  const std::int32_t producer = add.producer_here(add.input_index(0));
  if (producer < 0 || !add.at(producer).is_conv()) {
    return std::nullopt;
  }
  return add.at(producer);
}

/// The convolution in whose place the second operand is written: its own, or the host of the
/// addition that it comes from. -1: it comes from outside of the partition.
std::int32_t writer_of_addend(const Site& add) {
  const std::int32_t producer = add.producer_here(add.input_index(1));
  if (producer < 0 || add.at(producer).is_conv()) {
    return producer;
  }
  const std::int32_t host = add.at(producer).producer_here(add.at(producer).input_index(0));
  return host < 0 ? producer : host;
}

/// Index of the host, which is there.
std::int32_t host_index(const Site& add) { return add.producer_here(add.input_index(0)); }

/// The scales that 26.1 knows, from captures of one model. Source: rocket-npu.md C.3.
constexpr std::array known_scales = {
    0.090192F, 0.399250F, 0.364902F, 0.422037F, 0.213016F, 0.244231F, 0.283416F, 0.171151F,
    0.164588F, 0.204098F, 0.116532F, 0.134499F, 0.220141F, 0.094560F, 0.093230F, 0.100618F};
bool is_known_scale(float scale) {
  constexpr float tolerance = 1e-5F;
  return std::ranges::any_of(known_scales,
                             [&](float known) { return std::abs(known - scale) < tolerance; });
}

bool is_padded_with_another_zero(const Site& conv) {
  const auto shape = conv_shape(conv);
  return shape && (shape->padding_height() > 0 || shape->padding_width() > 0) &&
         conv.input(0) != nullptr && zero_point_of(*conv.input(0)) != 0;
}

bool is_add(const Site& site) { return site.op().op == Op::add; }

}  // namespace

Match add_constant(const Site& site) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    if (is_add(site) && site.input(i) != nullptr && site.input(i)->constant) {
      return i == 0 ? "first operand" : "second operand";
    }
  }
  return std::nullopt;
}

Match add_no_host(const Site& site) {
  if (!is_add(site) || host_of(site)) {
    return std::nullopt;
  }
  // The result of another addition has a host: that addition's. add_chained has it.
  const std::int32_t producer = site.producer_here(site.input_index(0));
  if (producer >= 0) {
    return std::nullopt;
  }
  const std::int32_t elsewhere =
      site.input_index(0) < 0
          ? -1
          : site.links().producer[static_cast<std::size_t>(site.input_index(0))];
  return elsewhere < 0
             ? Match("first operand is an input of the model")
             : Match(format_text("first operand comes from {}", site.at(elsewhere).op().name));
}

Match add_second_operand(const Site& site) {
  if (!is_add(site)) {
    return std::nullopt;
  }
  const std::int32_t tensor = site.input_index(1);
  if (tensor < 0) {
    return "absent";
  }
  const std::int32_t producer = site.producer_here(tensor);
  const auto reads_it_here = [&](std::int32_t reader) {
    const Site other = site.at(reader);
    return other.is_conv() && other.partition() == site.partition() &&
           other.input_index(0) == tensor;
  };
  return match_if((producer < 0 || !site.at(producer).is_conv()) &&
                  !std::ranges::any_of(site.links().consumers[static_cast<std::size_t>(tensor)],
                                       reads_it_here));
}

Match add_chained(const Site& site) {
  const std::int32_t producer = is_add(site) ? site.producer_here(site.input_index(0)) : -1;
  return match_if(producer >= 0 && is_add(site.at(producer)));
}

Match add_order(const Site& site) {
  return match_if(is_add(site) && host_of(site) && writer_of_addend(site) > host_index(site));
}

Match add_host_shared(const Site& site) {
  if (!is_add(site) || !host_of(site)) {
    return std::nullopt;
  }
  const auto tensor = static_cast<std::size_t>(site.input_index(0));
  return match_if(site.links().consumers[tensor].size() > 1 || site.links().is_output[tensor]);
}

Match add_host_depthwise(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  return match_if(host && host->is_depthwise());
}

Match add_host_activation(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  return match_if(host && host->op().activation != Activation::none);
}

Match add_host_range(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  const Tensor* const pre_add = site.input(0);
  if (!host || host->op().activation != Activation::none || pre_add == nullptr ||
      pre_add->dtype != DType::uint8) {
    return std::nullopt;  // an activation is add_host_activation()'s
  }
  const std::int64_t zero_point = zero_point_of(*pre_add);
  return zero_point == 0 || zero_point == 255 ? Match(format_text("zero point {}", zero_point))
                                              : std::nullopt;
}

Match add_addend_is_host_input(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  return match_if(host && host->input_index(0) == site.input_index(1));
}

Match add_padded(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  if (!host) {
    return std::nullopt;
  }
  if (is_padded_with_another_zero(*host)) {
    return format_text("{} before it, input zero point {}", host->op().name,
                       zero_point_of(*host->input(0)));
  }
  const std::int32_t writer = writer_of_addend(site);
  if (writer >= 0 && site.at(writer).is_conv() && is_padded_with_another_zero(site.at(writer))) {
    return format_text("{} of the second operand, input zero point {}", site.at(writer).op().name,
                       zero_point_of(*site.at(writer).input(0)));
  }
  return std::nullopt;
}

Match add_single_channel(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  const auto shape = host ? conv_shape(*host) : std::nullopt;
  return match_if(shape && shape->channels == 1);
}

Match add_small_map(const Site& site) {
  constexpr std::int64_t least_pixels = 12;
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  const auto shape = host ? conv_shape(*host) : std::nullopt;
  return shape && shape->out_height * shape->out_width < least_pixels
             ? Match(format_text("{}×{}", shape->out_height, shape->out_width))
             : std::nullopt;
}

Match add_shapes(const Site& site) {
  if (!is_add(site) || site.input(0) == nullptr || site.input(1) == nullptr ||
      site.output() == nullptr) {
    return std::nullopt;
  }
  constexpr std::size_t rank = 4;
  const Shape& shape = site.input(0)->shape;
  return shape.size() == rank && shape.front() == 1 && shape == site.input(1)->shape &&
                 shape == site.output()->shape
             ? std::nullopt
             : Match(format_text("{} + {}", to_string(shape), to_string(site.input(1)->shape)));
}

Match add_relu6_range(const Site& site) {
  if (!is_add(site) || site.op().activation != Activation::relu6 || site.output() == nullptr) {
    return std::nullopt;
  }
  constexpr float six = 6.0F;
  constexpr float most = 255.0F;
  const float high =
      (most - static_cast<float>(zero_point_of(*site.output()))) * scale_of(*site.output());
  return high > six ? Match(format_text("sum reaches {:.3f}", high)) : std::nullopt;
}

Match add_scale_unknown(const Site& site) {
  const Tensor* const addend = is_add(site) ? site.input(1) : nullptr;
  return addend != nullptr && !is_known_scale(scale_of(*addend))
             ? Match(format_text("scale {:.6f}", scale_of(*addend)))
             : std::nullopt;
}

Match add_scale_known(const Site& site) {
  const Tensor* const addend = is_add(site) ? site.input(1) : nullptr;
  return addend != nullptr && is_known_scale(scale_of(*addend))
             ? Match(format_text("scale {:.6f}", scale_of(*addend)))
             : std::nullopt;
}

Match add_scale_overflow(const Site& site) {
  const auto host = is_add(site) ? host_of(site) : std::nullopt;
  if (!host || host->input(0) == nullptr || host->input(1) == nullptr || site.output() == nullptr) {
    return std::nullopt;
  }
  return match_if(overflows_scale(scale_of(*host->input(0)), scale_of(*host->input(1)),
                                  scale_of(*site.output())));
}

}  // namespace gantry::npu
