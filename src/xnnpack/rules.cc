#include "gantry/xnnpack/rules.h"

#include <algorithm>
#include <array>

#include "conditions.h"
#include "half.h"

namespace gantry::xnnpack {
namespace {

constexpr std::uint8_t f32 = static_cast<std::uint8_t>(Type::float32);
constexpr std::uint8_t quantized =
    static_cast<std::uint8_t>(Type::uint8) | static_cast<std::uint8_t>(Type::int8);
constexpr std::uint8_t both = f32 | quantized;
constexpr std::uint8_t f32_uint8 = f32 | static_cast<std::uint8_t>(Type::uint8);
constexpr std::uint8_t weighted = both | static_cast<std::uint8_t>(Type::int8_channels);

// In the library of November 2024, which Debian has. More is there than is listed: operators that
// are here computed by its plain reference code are not faster than TensorFlow Lite's.
constexpr std::array table_of_kinds = {
    Kind{Op::conv_2d, "CONV_2D", weighted, 0b110, 2, 3, true},
    Kind{Op::depthwise_conv_2d, "DEPTHWISE_CONV_2D", weighted, 0b110, 2, 3, true},
    Kind{Op::transpose_conv, "TRANSPOSE_CONV", weighted, 0b1011, 3, 4, true},
    Kind{Op::fully_connected, "FULLY_CONNECTED", weighted, 0b110, 2, 3, true},
    Kind{Op::add, "ADD", both, 0, 2, 2, true},
    Kind{Op::sub, "SUB", both, 0, 2, 2, true},
    Kind{Op::mul, "MUL", both, 0, 2, 2, true},
    Kind{Op::div, "DIV", f32, 0, 2, 2, false},
    Kind{Op::maximum, "MAXIMUM", f32, 0, 2, 2, false},
    Kind{Op::minimum, "MINIMUM", f32, 0, 2, 2, false},
    Kind{Op::squared_difference, "SQUARED_DIFFERENCE", f32, 0, 2, 2, false},
    Kind{Op::average_pool_2d, "AVERAGE_POOL_2D", both, 0, 1, 1, true},
    Kind{Op::max_pool_2d, "MAX_POOL_2D", both, 0, 1, 1, true},
    Kind{Op::mean, "MEAN", both, 0b10, 2, 2, true},
    Kind{Op::resize_bilinear, "RESIZE_BILINEAR", f32_uint8, 0b10, 2, 2, true},
    Kind{Op::logistic, "LOGISTIC", both, 0, 1, 1, true},
    Kind{Op::tanh, "TANH", both, 0, 1, 1, true},
    Kind{Op::hard_swish, "HARD_SWISH", both, 0, 1, 1, true},
    Kind{Op::leaky_relu, "LEAKY_RELU", both, 0, 1, 1, false},
    Kind{Op::prelu, "PRELU", f32, 0b10, 2, 2, false},
    Kind{Op::elu, "ELU", f32, 0, 1, 1, true},
    Kind{Op::relu, "RELU", both, 0, 1, 1, false},
    Kind{Op::relu6, "RELU6", both, 0, 1, 1, false},
    Kind{Op::relu_n1_to_1, "RELU_N1_TO_1", both, 0, 1, 1, false},
    Kind{Op::softmax, "SOFTMAX", f32, 0, 1, 1, true},
    Kind{Op::abs, "ABS", f32, 0, 1, 1, false},
    Kind{Op::neg, "NEG", f32, 0, 1, 1, false},
    Kind{Op::ceil, "CEIL", f32, 0, 1, 1, false},
    Kind{Op::floor, "FLOOR", f32, 0, 1, 1, false},
    Kind{Op::square, "SQUARE", f32, 0, 1, 1, false},
    Kind{Op::sqrt, "SQRT", f32, 0, 1, 1, false},
    Kind{Op::rsqrt, "RSQRT", f32, 0, 1, 1, false},
    Kind{Op::quantize, "QUANTIZE", quantized, 0, 1, 1, false},
    Kind{Op::dequantize, "DEQUANTIZE", quantized, 0, 1, 1, false},
    Kind{Op::concatenation, "CONCATENATION", both, 0, 2, 64, false},
    Kind{Op::split, "SPLIT", both, 0b1, 2, 2, false},
    Kind{Op::split_v, "SPLIT_V", both, 0b110, 3, 3, false},
    Kind{Op::slice, "SLICE", both, 0b110, 3, 3, false},
    Kind{Op::strided_slice, "STRIDED_SLICE", both, 0b1110, 4, 4, false},
    Kind{Op::transpose, "TRANSPOSE", both, 0b10, 2, 2, false},
    Kind{Op::pad, "PAD", both, 0b10, 2, 2, false},
    Kind{Op::reshape, "RESHAPE", both, 0b10, 1, 2, false},
    Kind{Op::squeeze, "SQUEEZE", both, 0, 1, 1, false},
    Kind{Op::expand_dims, "EXPAND_DIMS", both, 0b10, 2, 2, false},
};

constexpr std::string_view any = "any";
constexpr std::string_view quantised = "uint8, int8";
constexpr std::string_view with_weights =
    "CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED";

constexpr std::array table_of_rules = {
    Rule{"operator", "all others", any,
         "XNNPACK has no such operator, or none that is faster than TensorFlow Lite's.",
         no_such_operator},
    Rule{"type", any, any, "XNNPACK does not have this operator for this type of number.",
         no_such_type},
    Rule{"malformed", any, any, "It does not have the inputs and outputs that it should.",
         malformed},
    Rule{"written-twice", any, any, "One of its tensors is written more than once.", written_twice},
    Rule{"parameter-computed", "those with weights, axes, sizes or paddings", any,
         "A parameter is computed, and has to be a constant of the model.", parameter_computed},
    Rule{"constant-operand", any, any, "It computes with constants alone.", constant_operand},
    Rule{"shape", any, any, "A tensor's shape is unknown, empty, or has more than six dimensions.",
         shape_unknown},
    Rule{"mixed-types", any, any, "Its tensors are not all of one type.", mixed_types},
    Rule{"constant", any, any,
         "A constant's bytes are not as many as its shape says, or unaligned.", constant_broken},
    Rule{"quantization", any, quantised, "A tensor has no usable scale and zero point.",
         quantization_missing},
    Rule{"weights", with_weights, any,
         "Its weights or its bias are of another type, shape or quantisation than XNNPACK takes.",
         weights_unfit},
    Rule{"option", any, any, "It has an option that XNNPACK does not know.", option_unknown},
    Rule{"result", any, any,
         "The model states another shape for its result than its inputs and options give, or they "
         "give none.",
         result_differs},
    Rule{"range", any, quantised, "Its activation leaves no more than two values.", range_empty},
    Rule{"scales", "those that compute", quantised,
         "Its scales are further apart than XNNPACK's arithmetic reaches.", scales_apart},
    Rule{"requantization", "those that only move or bound values", quantised,
         "Its result has another scale or zero point than its input.", quantization_changes},
    Rule{"pool-partial", "AVERAGE_POOL_2D", quantised,
         "XNNPACK averages quantised numbers over the whole picture only.", pool_partial},
    Rule{"pool-window", "AVERAGE_POOL_2D, MAX_POOL_2D", any,
         "Its window is a single pixel, or does not reach the next one.", pool_window},
    Rule{"alone", "those that are cheap", any,
         "Nothing beside it is worth handing tensors over for.", not_alone},
};
constexpr const Rule& rule_alone = table_of_rules.back();

std::vector<std::uint8_t> count_writers(const Graph& graph) {
  std::vector<std::uint8_t> writers(graph.tensors.size(), 0);
  const auto write = [&](std::int32_t tensor) {
    if (tensor >= 0) {
      auto& count = writers[static_cast<std::size_t>(tensor)];
      count = static_cast<std::uint8_t>(std::min(count + 1, 2));
    }
  };
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    if (graph.tensors[i].constant) {
      write(static_cast<std::int32_t>(i));
    }
  }
  std::ranges::for_each(graph.inputs, write);
  for (const Operator& op : graph.operators) {
    std::ranges::for_each(op.outputs, write);
  }
  return writers;
}

/// The first rule that applies; none: XNNPACK computes it.
Decision first_against(const Site& site) {
  for (const Rule& rule : table_of_rules) {
    if (auto found = rule.find(site)) {
      return {.rule = &rule, .found = std::move(*found)};
    }
  }
  return {};
}

}  // namespace

std::span<const Kind> kinds() { return table_of_kinds; }
std::span<const Rule> rules() { return table_of_rules; }

const Kind* find_kind(Op op) {
  const auto* const found = std::ranges::find(table_of_kinds, op, &Kind::op);
  return found == table_of_kinds.end() ? nullptr : found;
}

std::vector<bool> Choice::taken() const {
  std::vector<bool> out;
  out.reserve(operators.size());
  for (const Decision& decision : operators) {
    out.push_back(decision.rule == nullptr && decision.partition >= 0);
  }
  return out;
}

std::size_t Choice::taken_count() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(operators, [](const Decision& d) { return d.partition >= 0; }));
}

Choice choose(const Widened& model, const std::vector<bool>& offered) {
  const Graph& graph = model.graph;
  const graph::Links links(graph);
  const auto writers = count_writers(graph);
  Choice choice;
  choice.operators.resize(graph.operators.size());
  std::vector<bool> taken(graph.operators.size(), false);
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    const Operator& op = graph.operators[i];
    if (!widens_constant(graph, op)) {  // which computes nothing, if its readers are taken too
      choice.operators[i] =
          first_against({.graph = graph, .writers = writers, .op = op, .kind = find_kind(op.op)});
    }
    taken[i] = choice.operators[i].rule == nullptr && (offered.empty() || offered[i]);
  }
  const auto give_back = [&](std::int32_t index) {
    taken[static_cast<std::size_t>(index)] = false;
    choice.operators[static_cast<std::size_t>(index)].rule = &rule_alone;
  };
  // Giving a partition back never makes another one smaller, but it can join those around it that
  // TensorFlow Lite now orders differently: look again until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    choice.partitions = graph::partition(graph, links, taken);
    for (const graph::Partition& partition : choice.partitions) {
      const auto worth = [&](std::int32_t index) {
        return find_kind(graph.operators[static_cast<std::size_t>(index)].op)->worth;
      };
      const bool is_worth = std::ranges::any_of(partition.operators, worth);
      for (const std::int32_t index : partition.operators) {
        const Operator& op = graph.operators[static_cast<std::size_t>(index)];
        // A widened constant that somebody else reads as well is TensorFlow Lite's to write.
        if (!is_worth || (widens_constant(graph, op) &&
                          std::ranges::contains(partition.outputs, op.outputs[0]))) {
          give_back(index);
          changed = true;
        }
      }
    }
  }
  for (std::size_t p = 0; p < choice.partitions.size(); ++p) {
    for (const std::int32_t index : choice.partitions[p].operators) {
      choice.operators[static_cast<std::size_t>(index)].partition = static_cast<std::int32_t>(p);
    }
  }
  return choice;
}

Choice choose(const Graph& graph, const std::vector<bool>& offered) {
  return choose(widen(graph), offered);
}

}  // namespace gantry::xnnpack
