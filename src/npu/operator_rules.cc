#include <algorithm>
#include <array>

#include "gantry/base/format.h"
#include "predicates.h"

namespace gantry::npu {
namespace {

/// Inputs that Teflon reads as constants while it looks at an operator, whether they are any or
/// not.
std::span<const std::size_t> parameters_of(Op op) {
  static constexpr std::array<std::size_t, 1> first{0};
  static constexpr std::array<std::size_t, 1> second{1};
  static constexpr std::array<std::size_t, 3> slice{1, 2, 3};
  switch (op) {
    case Op::split:
      return first;
    case Op::transpose:
    case Op::pad:
      return second;
    case Op::strided_slice:
      return slice;
    default:
      return {};
  }
}

bool is(const Site& site, std::initializer_list<Op> ops) {
  return std::ranges::find(ops, site.op().op) != ops.end();
}

}  // namespace

Match reshape_without_shape(const Site& site) {
  if (site.op().op != Op::reshape || site.input(1) != nullptr) {
    return std::nullopt;
  }
  return format_text("{} input{}", site.op().inputs.size(),
                     site.op().inputs.size() == 1 ? "" : "s, the second absent");
}

Match reshape_shape_computed(const Site& site) {
  return match_if(site.op().op == Op::reshape && site.input(1) != nullptr &&
                  !site.input(1)->constant);
}

Match parameter_computed(const Site& site) {
  for (const std::size_t i : parameters_of(site.op().op)) {
    const Tensor* const tensor = site.input(i);
    if (tensor == nullptr || !tensor->constant) {
      return format_text("input {}", i);
    }
  }
  return std::nullopt;
}

Match conv_without_bias(const Site& site) {
  return match_if(site.is_conv() && site.op().inputs.size() < 3);
}

Match conv_bias_absent(const Site& site) {
  return match_if(site.is_conv() && site.op().inputs.size() >= 3 && site.input(2) == nullptr);
}

Match zero_point_missing(const Site& site) {
  const auto lacks = [&](std::int32_t index) {
    if (index < 0) {
      return false;
    }
    const Tensor& tensor = site.graph().tensors[static_cast<std::size_t>(index)];
    return !tensor.scales.empty() && tensor.zero_points.empty();
  };
  for (const auto* const indices : {&site.op().inputs, &site.op().outputs}) {
    if (const auto bad = std::ranges::find_if(*indices, lacks); bad != indices->end()) {
      return format_text("tensor {}", *bad);
    }
  }
  return std::nullopt;
}

Match silu(const Site& site) {
  if (site.op().op == Op::logistic && !site.op().outputs.empty()) {
    const auto& readers =
        site.links().consumers[static_cast<std::size_t>(site.op().outputs.front())];
    return match_if(!readers.empty() && std::ranges::all_of(readers, [&](std::int32_t reader) {
      return site.at(reader).op().op == Op::mul;
    }));
  }
  if (site.op().op == Op::mul) {
    return match_if(std::ranges::any_of(site.op().inputs, [&](std::int32_t tensor) {
      const std::int32_t producer =
          tensor < 0 ? -1 : site.links().producer[static_cast<std::size_t>(tensor)];
      return producer >= 0 && site.at(producer).op().op == Op::logistic;
    }));
  }
  return match_if(site.op().op == Op::hard_swish);
}

Match activation_operator(const Site& site) {
  return match_if(is(site, {Op::relu, Op::relu_n1_to_1, Op::relu6, Op::leaky_relu, Op::prelu,
                            Op::elu, Op::gelu, Op::tanh}) ||
                  (site.op().op == Op::logistic && !silu(site)));
}

Match pooling(const Site& site) {
  return match_if(is(site, {Op::max_pool_2d, Op::average_pool_2d, Op::mean}));
}

Match fully_connected(const Site& site) { return match_if(site.op().op == Op::fully_connected); }

Match padding_operator(const Site& site) { return match_if(site.op().op == Op::pad); }

Match conversion(const Site& site) { return match_if(is(site, {Op::quantize, Op::dequantize})); }

Match custom_operator(const Site& site) { return match_if(site.op().op == Op::custom); }

Match other_operator(const Site& site) {
  return match_if(!site.is_conv() && site.op().op != Op::add && !silu(site) &&
                  !activation_operator(site) && !pooling(site) && !fully_connected(site) &&
                  !padding_operator(site) && !conversion(site) && !custom_operator(site));
}

}  // namespace gantry::npu
