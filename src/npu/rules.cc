#include "gantry/npu/rules.h"

#include <array>

#include "predicates.h"

namespace gantry::npu {
namespace {

constexpr std::string_view any = "any";
constexpr std::string_view conv = "CONV_2D, DEPTHWISE_CONV_2D";
constexpr std::string_view conv_or_add = "CONV_2D, DEPTHWISE_CONV_2D, ADD";
constexpr std::string_view conv_only = "CONV_2D";
constexpr std::string_view depthwise_only = "DEPTHWISE_CONV_2D";
constexpr std::string_view add_only = "ADD";

constexpr MesaVersion mesa_26_0{26, 0};

// Within a stage the order is that in which reasons are told: the one to mend first comes first.
// Sections are those of rocket-npu.md, Mesa's behaviour as it was observed.
constexpr std::array table = {
    // ---- while Teflon looks at the graph
    Rule{"reshape-without-shape", "RESHAPE", mesa_25_3, no_end, Stage::prepare, Verdict::crash,
         "Teflon reads the shape from a second input, and this one has none.",
         "Give it the shape as a constant second input: today's converters do.", "B.5",
         Evidence::observed, reshape_without_shape},
    Rule{"reshape-shape-computed", "RESHAPE", mesa_25_3, no_end, Stage::prepare, Verdict::crash,
         "Teflon reads the shape as a constant, and here it is computed.",
         "Fix the input shape when converting, so that shapes become constants.", "B.5",
         Evidence::observed, reshape_shape_computed},
    Rule{"parameter-computed", "TRANSPOSE, STRIDED_SLICE, SPLIT, PAD", mesa_25_3, no_end,
         Stage::prepare, Verdict::crash,
         "Teflon reads its parameter as a constant, and here it is computed.",
         "Fix the input shape when converting, so that parameters become constants.", "B.5",
         Evidence::observed, parameter_computed},
    Rule{"conv-without-bias", conv, mesa_26_2, no_end, Stage::prepare, Verdict::crash,
         "It has no bias, and Teflon reads one beyond the end of the list of inputs.",
         "Give the layer a bias (use_bias=True), of zeros if need be.", "B.5", Evidence::observed,
         conv_without_bias},
    Rule{"conv-without-bias-26.1", conv, mesa_25_3, mesa_26_2, Stage::prepare, Verdict::wrong,
         "It has no bias, and Teflon reads one beyond the end of the list of inputs.",
         "Give the layer a bias (use_bias=True), of zeros if need be.", "B.5", Evidence::observed,
         conv_without_bias},
    Rule{"conv-bias-absent", conv, mesa_25_3, no_end, Stage::prepare, Verdict::crash,
         "Its bias is marked absent, and Teflon reads it from before the table of tensors.",
         "Give the layer a bias (use_bias=True), of zeros if need be.", "B.5", Evidence::observed,
         conv_bias_absent},
    Rule{"zero-point-missing", any, mesa_25_3, no_end, Stage::prepare, Verdict::crash,
         "One of its tensors has a scale and no zero point, and Teflon still reads one.",
         "Convert the model again: quantised tensors carry both.", "B.5", Evidence::source,
         zero_point_missing},

    // ---- what the driver refuses
    Rule{"silu", "LOGISTIC and MUL, HARD_SWISH", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "SiLU and hard-swish are separate operators, which the NPU does not have; each of them "
         "sends the picture to the CPU and back.",
         "Train with ReLU6 or ReLU, which become part of the convolution before them.", "C.1",
         Evidence::observed, silu},
    Rule{"activation-operator", "RELU, RELU6, LEAKY_RELU, PRELU, ELU, GELU, TANH, LOGISTIC",
         mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU has no activations that are separate operators.",
         "Use ReLU6 or ReLU directly behind a convolution, so that the converter fuses them.",
         "C.1", Evidence::observed, activation_operator},
    Rule{
        "pooling", "MAX_POOL_2D, AVERAGE_POOL_2D, MEAN", mesa_25_3, no_end, Stage::accept,
        Verdict::cpu, "The NPU is not used for pooling.",
        "Between convolutions, use a convolution with stride 2; a pooling at the end costs little.",
        "C.1", Evidence::observed, pooling},
    Rule{"fully-connected", "FULLY_CONNECTED", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU is not used for fully connected layers.",
         "A 1×1 CONV_2D on a [1,1,1,C] tensor computes the same.", "C.1", Evidence::observed,
         fully_connected},
    Rule{"padding-operator", "PAD", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU is not used for padding by itself.",
         "Let the convolution pad (padding=\"same\").", "C.1", Evidence::source, padding_operator},
    Rule{"conversion", "QUANTIZE, DEQUANTIZE", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU is not used for changing from one number format to another.",
         "Convert with uint8 for the inputs, the outputs and everything between.", "C.1",
         Evidence::observed, conversion},
    Rule{"custom-operator", "custom operators", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU knows no custom operators.", "", "C.1", Evidence::observed, custom_operator},
    Rule{"other-operator", "all others", mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "The NPU is used for CONV_2D, DEPTHWISE_CONV_2D and ADD alone.", "", "C.1",
         Evidence::observed, other_operator},
    Rule{
        "per-axis", conv, mesa_25_3, no_end, Stage::accept, Verdict::cpu,
        "It is quantised with a scale for each channel, and the NPU takes one for the tensor.",
        "Quantise per tensor, to uint8: quantisation-aware training as for the older Coral models, "
        "or the converter's switch that disables per-channel quantisation.",
        "C.1", Evidence::observed, per_axis_scales},
    Rule{
        "per-axis-zero-points", conv, mesa_25_3, mesa_26_0, Stage::accept, Verdict::cpu,
        "It is quantised with a zero point for each channel, and the NPU takes one for the tensor.",
        "Quantise per tensor, to uint8.", "C.1", Evidence::source, per_axis_zero_points},
    Rule{"dilation", conv, mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "It is dilated, which the NPU's driver does not do.",
         "Use larger strides, or more undilated layers.", "C.1", Evidence::observed, dilation},
    Rule{
        "relu6-range", conv, mesa_25_3, no_end, Stage::accept, Verdict::cpu,
        "It ends in ReLU6 and its output can hold more than 6, so that the clipping would be lost.",
        "Calibrate so that the output's range ends at 6 (scale 6/255, zero point 0).", "C.1",
        Evidence::observed, relu6_range},
    Rule{"add-constant", add_only, mesa_25_3, no_end, Stage::accept, Verdict::cpu,
         "One operand is a constant.", "Put the constant into the bias of the convolution.", "C.1",
         Evidence::observed, add_constant},

    // ---- accepted, and then the process ends
    Rule{"conv-parameters-computed", conv, mesa_25_3, no_end, Stage::compute, Verdict::crash,
         "Its weights or its bias are computed, and Teflon takes them from the model.",
         "Make them constants.", "B.3", Evidence::observed, conv_parameters_computed},
    Rule{"weights-and-input-too-large", conv, mesa_25_3, no_end, Stage::compute, Verdict::crash,
         "Neither its weights nor its input fit into the NPU's buffer: Mesa frees something twice "
         "in the first inference.",
         "Fewer channels or a smaller map: at most 294 912 bytes of weights, or about 224 KiB of "
         "input.",
         "C.2", Evidence::observed, weights_and_input_too_large},
    Rule{"map-too-wide", conv, mesa_25_3, no_end, Stage::compute, Verdict::crash,
         "The buffer holds fewer rows of its input than the kernel is high: Mesa splits it for "
         "ever.",
         "A narrower map or fewer channels.", "C.2", Evidence::observed, map_too_wide},
    Rule{"add-no-host", add_only, mesa_25_3, no_end, Stage::compute, Verdict::crash,
         "It becomes part of the convolution that computes its first operand, and there is none in "
         "this partition.",
         "Put a convolution that runs on the NPU right before it, as the first operand.", "C.3",
         Evidence::observed, add_no_host},
    Rule{"add-second-operand", add_only, mesa_25_3, no_end, Stage::compute, Verdict::crash,
         "No convolution of this partition computes or reads its second operand, so that the NPU "
         "has no copy of it.",
         "Let both operands come from convolutions that run on the NPU.", "C.3", Evidence::observed,
         add_second_operand},

    // ---- accepted, and wrong
    Rule{"float", conv_or_add, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It computes in floating point, and the NPU takes every byte for a uint8.",
         "Quantise the model to uint8, per tensor.", "C.2", Evidence::observed, float_tensor},
    Rule{"int8", conv_or_add, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It is quantised to int8, and the NPU takes every byte for a uint8.",
         "Quantise to uint8, per tensor.", "C.2", Evidence::observed, int8_tensor},
    Rule{"other-dtype", conv_or_add, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It does not compute in uint8, and the NPU takes every byte for one.",
         "Quantise to uint8, per tensor.", "C.1", Evidence::derived, other_dtype},
    Rule{"rank", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its tensors do not have four dimensions of known size.", "Fix the shapes as [1,H,W,C].",
         "C.2", Evidence::source, conv_rank},
    Rule{"batch", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Only the first picture of a batch is computed.", "Convert with a batch of 1.", "C.2",
         Evidence::observed, batch},
    Rule{"stride-uneven", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "The stride across is used in both directions.", "Use the same stride in both.", "C.2",
         Evidence::observed, uneven_stride},
    Rule{"kernel-uneven", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Mesa swaps height and width, so that only square kernels come out right.",
         "Use a square kernel.", "C.2", Evidence::observed, uneven_kernel},
    Rule{"map-uneven", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Mesa swaps height and width, so that only square maps come out right, except with 1×1 "
         "kernels of stride 1 on more than one channel.",
         "Use a square input.", "C.2", Evidence::observed, uneven_map},
    Rule{"dilation-version-1", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It is dilated and states version 1, for which the driver looks at no dilation.",
         "Use no dilation.", "C.1", Evidence::observed, dilation_in_version_1},
    Rule{"activation-lost", conv_or_add, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its activation is left out: the NPU clips at the ends of the output's range, and this "
         "range does not end where the activation does.",
         "Calibrate so that the output's zero point is 0 behind ReLU and ReLU6.", "C.1",
         Evidence::observed, activation_lost},
    Rule{"depthwise-multiplier", depthwise_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It makes several output channels of each input channel.", "Use a depth multiplier of 1.",
         "C.2", Evidence::observed, depthwise_multiplier},
    Rule{"depthwise-one-channel", depthwise_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "With one channel it is taken for a normal convolution, and its weights are read in the "
         "wrong order.",
         "Use CONV_2D for the first layer.", "C.2", Evidence::observed, depthwise_one_channel},
    Rule{"one-to-one-channel", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "From one channel to one: the input is never uploaded.", "Use more output channels.",
         "C.2", Evidence::observed, one_to_one_channel},
    Rule{"grouped", conv_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It is a grouped convolution, and is computed as an ungrouped one.",
         "Use a depthwise or a normal convolution.", "C.1", Evidence::derived, grouped},
    Rule{"depthwise-channels-33-47", depthwise_only, mesa_25_3, no_end, Stage::compute,
         Verdict::wrong,
         "The channels, modulo 64, are 33 to 47: packed weights and programmed channels disagree.",
         "Use a multiple of 16 channels.", "C.2", Evidence::observed, depthwise_channels_33_to_47},
    Rule{"depthwise-channels-81-95", depthwise_only, mesa_25_3, no_end, Stage::compute,
         Verdict::wrong,
         "The channels are more than 64 and, modulo 64, 17 to 31: packed weights and programmed "
         "channels disagree.",
         "Use a multiple of 16 channels.", "C.2", Evidence::observed, depthwise_channels_81_to_95},
    Rule{"conv-channels-17-31", conv_only, mesa_25_3, mesa_26_2, Stage::compute, Verdict::wrong,
         "The input has 17 to 31 channels: half of the weights are dropped.",
         "Update Mesa to 26.2, or use 16 or 32 channels.", "C.2", Evidence::observed,
         conv_channels_17_to_31},
    Rule{
        "single-channel-inside", conv_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
        "Its single input channel is computed on the NPU, and is read as one that the CPU uploads.",
        "Use more than one channel between convolutions.", "E.3", Evidence::observed,
        single_channel_inside},
    Rule{"conv-odd-outputs", conv_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It makes an odd number of channels of more than 32 which, modulo 32, are 1 to 16, with a "
         "kernel larger than 1×1: the last weights are packed otherwise than they are read.",
         "Use an even number of output channels.", "E.4", Evidence::observed, conv_odd_outputs},
    Rule{"depthwise-channels-17-63", depthwise_only, mesa_25_3, mesa_26_2, Stage::compute,
         Verdict::wrong, "It has 17 to 63 channels, and not a multiple of 16: weights are dropped.",
         "Update Mesa to 26.2, or use a multiple of 16 channels.", "C.2", Evidence::observed,
         depthwise_channels_17_to_63},
    Rule{"depthwise-border", depthwise_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It pads, and the chip fills the border of half of the channels with another value unless "
         "the input's zero point is 0, 128 or 139.",
         "Put a ReLU or ReLU6 before it, so that its input's zero point is 0.", "E.6",
         Evidence::silicon, depthwise_border},
    Rule{"register-too-narrow", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "A number is larger than the NPU's register for it.", "Use smaller layers.", "E.2",
         Evidence::observed, register_too_narrow},
    Rule{"constant-input", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its input is a constant, and constants are not uploaded as inputs.",
         "Let the converter fold it.", "B.3", Evidence::observed, constant_input},
    Rule{"scale-overflow", conv, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Mesa rounds the quotient of its scales up beyond the end of a register, which happens "
         "with one quotient in 16 384.",
         "Calibrate again, or change the output's scale in the last digit.", "E.7",
         Evidence::observed, conv_scale_overflow},
    Rule{"add-scale", add_only, mesa_25_3, mesa_26_2, Stage::compute, Verdict::wrong,
         "Mesa before 26.2 adds correctly only with the 16 scales of the second operand that it "
         "knows, and this scale is not among them.",
         "Update Mesa to 26.2.", "C.3", Evidence::observed, add_scale_unknown},
    Rule{
        "add-scale-captured", add_only, mesa_25_3, mesa_26_2, Stage::compute, Verdict::wrong,
        "Mesa before 26.2 knows this scale, but with the output scale of the one model that it was "
        "copied from.",
        "Update Mesa to 26.2.", "C.3", Evidence::observed, add_scale_known},
    Rule{"add-shapes", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "The NPU adds tensors [1,H,W,C] of the same shape, without broadcasting.",
         "Give both operands the shape of the sum.", "C.2", Evidence::observed, add_shapes},
    Rule{"add-order", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It becomes part of the convolution of its first operand, which runs before its second "
         "operand is there.",
         "Swap the operands: the one that is computed last comes first.", "C.3", Evidence::observed,
         add_order},
    Rule{"add-chained", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its first operand is a sum already, and a convolution can take in one addition.",
         "Put the operand that is a convolution's first.", "C.3", Evidence::observed, add_chained},
    Rule{
        "add-host-shared", add_only, mesa_25_3, no_end, Stage::compute, Verdict::crash,
        "Others read its first operand too, for which there is no memory once the addition is part "
        "of its convolution.",
        "Let the addition be the only reader of its first operand.", "C.3", Evidence::observed,
        add_host_shared},
    Rule{"add-host-depthwise", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its first operand comes from a depthwise convolution, with which additions were found "
         "unusable.",
         "Let the first operand come from a normal convolution.", "C.3", Evidence::silicon,
         add_host_depthwise},
    Rule{"add-host-activation", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "The convolution of its first operand has an activation, which is left out once the "
         "addition is part of it.",
         "Put the activation behind the addition.", "C.3", Evidence::observed, add_host_activation},
    Rule{"add-host-range", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "The range of its first operand ends at zero, where the CPU clips before it adds; the NPU "
         "adds first.",
         "Calibrate so that the operand's range has both signs, or put the activation behind the "
         "addition.",
         "C.3", Evidence::observed, add_host_range},
    Rule{"add-addend-is-host-input", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its second operand is the input of its first operand's convolution: the kernel drops a "
         "job that names a buffer twice.",
         "Use two convolutions in the branch.", "D.2", Evidence::silicon, add_addend_is_host_input},
    Rule{
        "add-padded", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
        "A convolution that takes part in it pads, and then pads with the byte 0, which is not its "
        "input's zero point.",
        "Put 1×1 convolutions before additions, or ReLU before padded ones.", "C.2",
        Evidence::observed, add_padded},
    Rule{"add-relu6-range", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "It ends in ReLU6, which is left out, and its sum can hold more than 6.",
         "Calibrate so that the sum's range ends at 6.", "C.1", Evidence::observed,
         add_relu6_range},
    Rule{"add-single-channel", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its convolution reads a single channel, which is scaled by 0.988 in additions.",
         "Use an input of more than one channel.", "E.3", Evidence::observed, add_single_channel},
    Rule{"add-small-map", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Its map has fewer than 12 pixels; Mesa lists such sizes among its failing tests.",
         "Leave additions to larger maps.", "E.8", Evidence::silicon, add_small_map},
    Rule{"add-scale-overflow", add_only, mesa_25_3, no_end, Stage::compute, Verdict::wrong,
         "Mesa rounds the quotient of its scales up beyond the end of a register, which happens "
         "with one quotient in 16 384.",
         "Calibrate again, or change the sum's scale in the last digit.", "E.7", Evidence::observed,
         add_scale_overflow},
};

}  // namespace

std::string_view verdict_name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::npu:
      return "npu";
    case Verdict::cpu:
      return "cpu";
    case Verdict::wrong:
      return "wrong";
    case Verdict::crash:
      return "crash";
  }
  return "npu";
}

std::string_view evidence_name(Evidence evidence) noexcept {
  switch (evidence) {
    case Evidence::observed:
      return "observed";
    case Evidence::source:
      return "source";
    case Evidence::silicon:
      return "silicon";
    case Evidence::derived:
      return "derived";
  }
  return "derived";
}

std::span<const Rule> rules() { return table; }

}  // namespace gantry::npu
