#pragma once

#include "gantry/npu/rules.h"
#include "site.h"

// One function a rule of the table (rules.cc), by the rule's subject.
namespace gantry::npu {

// operator_rules.cc: what can kill Prepare, and what the driver refuses.
[[nodiscard]] Found reshape_without_shape(const Site& site);
[[nodiscard]] Found reshape_shape_computed(const Site& site);
[[nodiscard]] Found parameter_computed(const Site& site);
[[nodiscard]] Found conv_without_bias(const Site& site);
[[nodiscard]] Found conv_bias_absent(const Site& site);
[[nodiscard]] Found zero_point_missing(const Site& site);
[[nodiscard]] Found silu(const Site& site);
[[nodiscard]] Found activation_operator(const Site& site);
[[nodiscard]] Found pooling(const Site& site);
[[nodiscard]] Found fully_connected(const Site& site);
[[nodiscard]] Found padding_operator(const Site& site);
[[nodiscard]] Found conversion(const Site& site);
[[nodiscard]] Found custom_operator(const Site& site);
[[nodiscard]] Found other_operator(const Site& site);

// conv_rules.cc: CONV_2D and DEPTHWISE_CONV_2D.
[[nodiscard]] Found per_axis_scales(const Site& site);
[[nodiscard]] Found per_axis_zero_points(const Site& site);
[[nodiscard]] Found dilation(const Site& site);
[[nodiscard]] Found relu6_range(const Site& site);
[[nodiscard]] Found conv_parameters_computed(const Site& site);
[[nodiscard]] Found weights_and_input_too_large(const Site& site);
[[nodiscard]] Found map_too_wide(const Site& site);
[[nodiscard]] Found conv_rank(const Site& site);
[[nodiscard]] Found float_tensor(const Site& site);
[[nodiscard]] Found int8_tensor(const Site& site);
[[nodiscard]] Found other_dtype(const Site& site);
[[nodiscard]] Found batch(const Site& site);
[[nodiscard]] Found dilation_in_version_1(const Site& site);
[[nodiscard]] Found grouped(const Site& site);
[[nodiscard]] Found depthwise_one_channel(const Site& site);
[[nodiscard]] Found depthwise_multiplier(const Site& site);
[[nodiscard]] Found one_to_one_channel(const Site& site);
[[nodiscard]] Found uneven_stride(const Site& site);
[[nodiscard]] Found uneven_kernel(const Site& site);
[[nodiscard]] Found uneven_map(const Site& site);
[[nodiscard]] Found depthwise_channels_33_to_47(const Site& site);
[[nodiscard]] Found depthwise_channels_81_to_95(const Site& site);
[[nodiscard]] Found conv_channels_17_to_31(const Site& site);
[[nodiscard]] Found single_channel_inside(const Site& site);
[[nodiscard]] Found conv_odd_outputs(const Site& site);
[[nodiscard]] Found depthwise_channels_17_to_63(const Site& site);
[[nodiscard]] Found depthwise_border(const Site& site);
[[nodiscard]] Found register_too_narrow(const Site& site);
[[nodiscard]] Found constant_input(const Site& site);
[[nodiscard]] Found conv_scale_overflow(const Site& site);
[[nodiscard]] Found activation_lost(const Site& site);  // ADD, too

// add_rules.cc
[[nodiscard]] Found add_constant(const Site& site);
[[nodiscard]] Found add_no_host(const Site& site);
[[nodiscard]] Found add_second_operand(const Site& site);
[[nodiscard]] Found add_chained(const Site& site);
[[nodiscard]] Found add_order(const Site& site);
[[nodiscard]] Found add_host_shared(const Site& site);
[[nodiscard]] Found add_host_depthwise(const Site& site);
[[nodiscard]] Found add_host_activation(const Site& site);
[[nodiscard]] Found add_host_range(const Site& site);
[[nodiscard]] Found add_addend_is_host_input(const Site& site);
[[nodiscard]] Found add_padded(const Site& site);
[[nodiscard]] Found add_single_channel(const Site& site);
[[nodiscard]] Found add_small_map(const Site& site);
[[nodiscard]] Found add_shapes(const Site& site);
[[nodiscard]] Found add_relu6_range(const Site& site);
[[nodiscard]] Found add_scale_unknown(const Site& site);
[[nodiscard]] Found add_scale_known(const Site& site);
[[nodiscard]] Found add_scale_overflow(const Site& site);

}  // namespace gantry::npu
