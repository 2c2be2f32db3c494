#include "gantry/emulator_stream/conv_task.h"

#include <algorithm>
#include <string_view>

#include "gantry/base/format.h"
#include "gantry/emulator_stream/registers.h"

namespace gantry::emulator {
namespace {

constexpr std::uint32_t bs_add_bias = 0x20150;
constexpr std::uint32_t bn_bypassed = 0x53;
constexpr std::uint32_t ew_bypassed = 0x383;
constexpr std::uint32_t ew_addition = 0x904202C0;
constexpr std::uint32_t mode_depthwise = 3;
constexpr unsigned lanes_per_surface = 16;

std::int64_t sign_extend_28(std::uint32_t value) {
  return static_cast<std::int32_t>(value << 4U) >> 4;
}

std::int16_t low_signed(std::uint32_t value) { return static_cast<std::int16_t>(value & 0xFFFFU); }

std::uint32_t round_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

std::unexpected<Error> contradiction(std::string_view what, std::uint32_t found) {
  return fail(Code::invalid_argument, format_text("register stream: {} is {}", what, found));
}
std::unexpected<Error> unknown(std::string_view what, std::uint32_t found) {
  return fail(Code::unimplemented, format_text("register stream: {} is {:#x}", what, found));
}

Result<> check_formats(const RegisterFile& regs) {
  if (regs[reg::data_format] != 0) {
    return unknown("data format (want 0, int8)", regs[reg::data_format]);
  }
  if (regs[reg::bs_cfg] != bs_add_bias) {
    return unknown("BS stage (want 0x20150, add the bias)", regs[reg::bs_cfg]);
  }
  if (regs[reg::bn_cfg] != bn_bypassed) {
    return unknown("BN stage (want 0x53, bypassed)", regs[reg::bn_cfg]);
  }
  if (regs[reg::ew_cfg] != ew_bypassed && regs[reg::ew_cfg] != ew_addition) {
    return unknown("EW stage (want 0x383 or 0x904202c0)", regs[reg::ew_cfg]);
  }
  return {};
}

Result<> read_input(const RegisterFile& regs, ConvTask& task) {
  FeatureMap& in = task.input;
  in.address = regs[reg::feature_data_addr];
  // Not the width of DATA_SIZE0: in an addition, Mesa writes 16 there for maps of 8.
  in.width = regs.bits(reg::fc_data_size0, 29, 16);
  in.height = regs.bits(reg::data_size0, 10, 0);
  in.channels = regs.bits(reg::data_size1, 29, 16) + 1;
  in.lanes = regs.bits(reg::data_size1, 15, 0);
  if (in.width == 0 || in.height == 0) {
    return contradiction("the input's width or height", 0);
  }
  if (in.lanes < in.channels || in.lanes % lanes_per_surface != 0) {
    return contradiction("the input's padded channel count", in.lanes);
  }
  const auto line = static_cast<std::int64_t>(regs[reg::dma_con1]);
  const auto surface = sign_extend_28(regs[reg::dma_con2]);
  const bool single = (regs[reg::conv_con1] & 1U << 30U) != 0;
  if (single) {
    if (in.channels != 1 || in.lanes != lanes_per_surface) {
      return contradiction("the channel count of a single-channel input", in.channels);
    }
    in.line_bytes = regs[reg::dma_con1];
    task.single_channel = SingleChannelInput{
        .scale = static_cast<std::int16_t>(regs[reg::cvt_con1] >> 16U),
        .offset = low_signed(regs[reg::cvt_con1]),
        .shift = std::min(regs.bits(reg::cvt_con0, 9, 4), 31U),
    };
    return {};
  }
  // Both in units of 4 bytes a pixel of 16: one line, and what is left of a surface after it.
  if (line + surface < 0) {
    return contradiction("the input's surface stride (negative)", regs[reg::dma_con2]);
  }
  in.line_bytes = static_cast<std::uint64_t>(line) * 4;
  in.surface_bytes = static_cast<std::uint64_t>(line + surface) * 16;
  return {};
}

Result<> read_output(const RegisterFile& regs, ConvTask& task) {
  FeatureMap& out = task.output;
  out.address = regs[reg::dst_base];
  out.width = regs.bits(reg::dataout_size0, 15, 0) + 1;
  out.height = regs.bits(reg::dataout_size0, 31, 16) + 1;
  out.channels = regs.bits(reg::cube_channel, 28, 16) + 1;
  out.lanes = round_up(out.channels, lanes_per_surface);
  out.line_bytes = std::uint64_t{out.width} * lanes_per_surface;
  out.surface_bytes = regs[reg::dst_surf_stride] & ~15U;
  return {};
}

Result<> read_kernel(const RegisterFile& regs, ConvTask& task) {
  task.kernel_width = regs.bits(reg::weight_size2, 28, 24);
  task.kernel_height = regs.bits(reg::weight_size2, 20, 16);
  task.kernels = regs.bits(reg::weight_size2, 13, 0);
  task.stride_x = regs.bits(reg::conv_con3, 2, 0);
  task.stride_y = regs.bits(reg::conv_con3, 5, 3);
  task.pad_left = regs.bits(reg::pad_con0, 7, 4);
  task.pad_top = regs.bits(reg::pad_con0, 3, 0);
  for (unsigned byte = 0; byte < 4; ++byte) {
    task.pad.at(byte) = static_cast<std::int8_t>(regs[reg::pad_con1] >> (8 * byte) & 0xFFU);
  }
  task.weights_address = regs[reg::dcomp_addr0];
  task.bias_address = regs[reg::bs_base];
  if (task.kernel_width == 0 || task.kernel_height == 0) {
    return contradiction("the kernel's width or height", 0);
  }
  if (task.stride_x == 0 || task.stride_y == 0) {
    return contradiction("the stride", 0);
  }
  const std::uint32_t enough = task.mode == ConvMode::depthwise ? task.input.lanes : task.kernels;
  if (task.output.channels > enough) {
    return contradiction("the number of output channels (more than have weights)",
                         task.output.channels);
  }
  return {};
}

void read_arithmetic(const RegisterFile& regs, ConvTask& task) {
  task.requantization = {
      .weight_offset = low_signed(regs[reg::bs_ow_op]),
      .truncate = std::min(regs[reg::clip_truncate] & 0x3FU, 31U),
      .scale = low_signed(regs[reg::out_cvt_scale]),
      .shift = regs.bits(reg::out_cvt_shift, 5, 0),
      .half_away_from_zero = regs.bits(reg::out_cvt_shift, 30, 30) != 0,
      .offset = static_cast<std::int32_t>(regs[reg::out_cvt_offset]),
  };
  if (regs[reg::ew_cfg] == ew_addition) {
    task.addition = Addition{
        .address = regs[reg::rdma_src_base],
        .surface_bytes = regs[reg::ew_base] - regs[reg::rdma_src_base],
        .offset = static_cast<std::int32_t>(regs[reg::ew_cvt_offset]),
        .scale = low_signed(regs[reg::ew_cvt_scale]),
        .shift = regs.bits(reg::ew_cvt_scale, 21, 16),
    };
  }
}

}  // namespace

Result<ConvTask> parse_task(std::span<const std::uint64_t> words) {
  const auto regs = RegisterFile::load(words);
  if (!regs) {
    return std::unexpected(regs.error());
  }
  const std::uint32_t mode = regs->bits(reg::conv_con1, 3, 0);
  const bool depthwise = regs->bits(reg::core_misc, 1, 1) != 0;
  if ((mode != 0 && mode != mode_depthwise) || depthwise != (mode == mode_depthwise)) {
    return contradiction("the convolution mode", mode);
  }
  ConvTask task;
  task.mode = depthwise ? ConvMode::depthwise : ConvMode::normal;
  for (const auto& checked : {check_formats(*regs), read_input(*regs, task),
                              read_output(*regs, task), read_kernel(*regs, task)}) {
    if (!checked) {
      return std::unexpected(checked.error());
    }
  }
  read_arithmetic(*regs, task);
  return task;
}

}  // namespace gantry::emulator
