#pragma once

#include "gantry/npu/rules.h"
#include "site.h"

// One function a rule of the table (rules.cc), by the rule's subject.
namespace gantry::npu {

/// For a rule whose name says all that there is to say of the operator.
[[nodiscard]] inline Match match_if(bool applies) { return applies ? Match("") : std::nullopt; }

// operator_rules.cc: what can kill Prepare, and what the driver refuses.
[[nodiscard]] Match reshape_without_shape(const Site& site);
[[nodiscard]] Match reshape_shape_computed(const Site& site);
[[nodiscard]] Match parameter_computed(const Site& site);
[[nodiscard]] Match conv_without_bias(const Site& site);
[[nodiscard]] Match conv_bias_absent(const Site& site);
[[nodiscard]] Match zero_point_missing(const Site& site);
[[nodiscard]] Match silu(const Site& site);
[[nodiscard]] Match activation_operator(const Site& site);
[[nodiscard]] Match pooling(const Site& site);
[[nodiscard]] Match fully_connected(const Site& site);
[[nodiscard]] Match padding_operator(const Site& site);
[[nodiscard]] Match conversion(const Site& site);
[[nodiscard]] Match custom_operator(const Site& site);
[[nodiscard]] Match other_operator(const Site& site);

// conv_rules.cc: CONV_2D and DEPTHWISE_CONV_2D.
[[nodiscard]] Match per_axis_scales(const Site& site);
[[nodiscard]] Match per_axis_zero_points(const Site& site);
[[nodiscard]] Match dilation(const Site& site);
[[nodiscard]] Match relu6_range(const Site& site);
[[nodiscard]] Match conv_parameters_computed(const Site& site);
[[nodiscard]] Match weights_and_input_too_large(const Site& site);
[[nodiscard]] Match map_too_wide(const Site& site);
[[nodiscard]] Match conv_rank(const Site& site);
[[nodiscard]] Match float_tensor(const Site& site);
[[nodiscard]] Match int8_tensor(const Site& site);
[[nodiscard]] Match other_dtype(const Site& site);
[[nodiscard]] Match batch(const Site& site);
[[nodiscard]] Match dilation_in_version_1(const Site& site);
[[nodiscard]] Match grouped(const Site& site);
[[nodiscard]] Match depthwise_one_channel(const Site& site);
[[nodiscard]] Match depthwise_multiplier(const Site& site);
[[nodiscard]] Match one_to_one_channel(const Site& site);
[[nodiscard]] Match uneven_stride(const Site& site);
[[nodiscard]] Match uneven_kernel(const Site& site);
[[nodiscard]] Match uneven_map(const Site& site);
[[nodiscard]] Match depthwise_channels_33_to_47(const Site& site);
[[nodiscard]] Match depthwise_channels_81_to_95(const Site& site);
[[nodiscard]] Match conv_channels_17_to_31(const Site& site);
[[nodiscard]] Match single_channel_inside(const Site& site);
[[nodiscard]] Match conv_odd_outputs(const Site& site);
[[nodiscard]] Match depthwise_channels_17_to_63(const Site& site);
[[nodiscard]] Match depthwise_border(const Site& site);
[[nodiscard]] Match register_too_narrow(const Site& site);
[[nodiscard]] Match constant_input(const Site& site);
[[nodiscard]] Match conv_scale_overflow(const Site& site);
[[nodiscard]] Match activation_lost(const Site& site);  // ADD, too

// add_rules.cc
[[nodiscard]] Match add_constant(const Site& site);
[[nodiscard]] Match add_no_host(const Site& site);
[[nodiscard]] Match add_second_operand(const Site& site);
[[nodiscard]] Match add_chained(const Site& site);
[[nodiscard]] Match add_order(const Site& site);
[[nodiscard]] Match add_host_shared(const Site& site);
[[nodiscard]] Match add_host_depthwise(const Site& site);
[[nodiscard]] Match add_host_activation(const Site& site);
[[nodiscard]] Match add_host_range(const Site& site);
[[nodiscard]] Match add_addend_is_host_input(const Site& site);
[[nodiscard]] Match add_padded(const Site& site);
[[nodiscard]] Match add_single_channel(const Site& site);
[[nodiscard]] Match add_small_map(const Site& site);
[[nodiscard]] Match add_shapes(const Site& site);
[[nodiscard]] Match add_relu6_range(const Site& site);
[[nodiscard]] Match add_scale_unknown(const Site& site);
[[nodiscard]] Match add_scale_known(const Site& site);
[[nodiscard]] Match add_scale_overflow(const Site& site);

}  // namespace gantry::npu
