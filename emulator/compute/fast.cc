#include "fast.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dot_product.h"
#include "padded_input.h"
#include "requantize.h"

namespace gantry::emulator {
namespace {

constexpr std::uint64_t max_copy = std::uint64_t{1} << 26U;  // elements

void write_outputs(const Operands& operands, std::uint32_t first_oc, std::uint64_t first_pixel,
                   std::uint64_t pixels, const BlockSums& sums) {
  const ConvTask& task = operands.task;
  const std::uint64_t surface = first_oc / surface_lanes;
  const std::uint32_t lanes = std::min(surface_lanes, task.output.channels - first_oc);
  const std::int32_t* bias = operands.bias.data() + first_oc;
  for (std::uint64_t p = 0; p < pixels; ++p) {
    const std::uint64_t place = (first_pixel + p) * surface_lanes;
    std::int8_t* out = operands.output + surface * task.output.surface_bytes + place;
    std::array<std::int64_t, surface_lanes> added{};
    if (task.addition) {
      const std::int8_t* addend = operands.addend + surface * task.addition->surface_bytes + place;
      for (std::uint32_t i = 0; i < lanes; ++i) {
        added.at(i) = addend_term(addend[i], *task.addition);
      }
    }
    std::array<std::int8_t, surface_lanes> bytes{};
    for (std::uint32_t i = 0; i < lanes; ++i) {
      bytes.at(i) = requantize(sums.at(p).at(i), bias[i], added.at(i), task.requantization);
    }
    std::ranges::copy(bytes, out);
  }
}

/// Weights of 16 kernels, the weight offset added, in the order that DotProduct reads.
std::vector<std::int16_t> pack_normal(const Operands& operands, std::uint32_t first_oc) {
  const ConvTask& task = operands.task;
  const std::uint64_t taps = task.taps();
  std::vector<std::int16_t> packed(taps * task.input.lanes * block_kernels);
  const std::uint32_t kernels =
      std::min<std::uint32_t>(block_kernels, task.output.channels - first_oc);
  // Runs of lanes are contiguous in weight memory up to the next group of 32.
  for (std::uint64_t tap = 0; tap < taps; ++tap) {
    for (std::uint32_t lane = 0; lane < task.input.lanes; lane += surface_lanes) {
      std::int16_t* out = packed.data() + (tap * task.input.lanes + lane) * block_kernels;
      for (std::uint32_t k = 0; k < kernels; ++k) {
        const std::int8_t* in = operands.weights + operands.weight_index(first_oc + k, tap, lane);
        for (std::uint32_t i = 0; i < surface_lanes; i += 2) {
          std::int16_t* pair = out + i * block_kernels + std::size_t{2} * k;
          pair[0] = static_cast<std::int16_t>(in[i] + task.requantization.weight_offset);
          pair[1] = static_cast<std::int16_t>(in[i + 1] + task.requantization.weight_offset);
        }
      }
    }
  }
  return packed;
}

void execute_normal(const Operands& operands) {
  const ConvTask& task = operands.task;
  const DotProduct dot_product = best_dot_product();
  const PaddedInput input(operands, 0, task.input.lanes);
  const std::size_t run = std::size_t{task.kernel_width} * task.input.lanes;
  const std::size_t step = std::size_t{task.stride_x} * task.input.lanes;
  // Pointwise convolutions see the map as one long line: more full blocks of pixels.
  const bool pointwise = task.taps() == 1 && task.stride_x == 1 && task.stride_y == 1;
  const std::size_t lines = pointwise ? 1 : task.output.height;
  const std::size_t width = std::size_t{task.output.width} * (pointwise ? task.output.height : 1);
  for (std::uint32_t oc = 0; oc < task.output.channels; oc += block_kernels) {
    const auto weights = pack_normal(operands, oc);
    for (std::size_t y = 0; y < lines; ++y) {
      for (std::size_t x = 0; x < width; x += block_pixels) {
        const std::size_t pixels = std::min(block_pixels, width - x);
        BlockSums sums{};
        for (std::size_t ky = 0; ky < task.kernel_height; ++ky) {
          dot_product(input.at(y * task.stride_y + ky, x * task.stride_x), step, pixels,
                      weights.data() + ky * run * block_kernels, run, sums);
        }
        write_outputs(operands, oc, y * width + x, pixels, sums);
      }
    }
  }
}

void execute_depthwise(const Operands& operands) {
  const ConvTask& task = operands.task;
  const std::uint64_t taps = task.taps();
  std::vector<std::int32_t> weights(taps * surface_lanes);
  for (std::uint32_t oc = 0; oc < task.output.channels; oc += surface_lanes) {
    const PaddedInput input(operands, oc, surface_lanes);
    for (std::uint64_t tap = 0; tap < taps; ++tap) {
      const std::int8_t* in = operands.weights + operands.weight_index(oc, tap, oc);
      for (std::uint32_t i = 0; i < surface_lanes; ++i) {
        weights[tap * surface_lanes + i] = in[i] + task.requantization.weight_offset;
      }
    }
    for (std::size_t y = 0; y < task.output.height; ++y) {
      for (std::size_t x = 0; x < task.output.width; ++x) {
        BlockSums sums{};
        auto& acc = sums[0];
        const std::int32_t* weight = weights.data();
        for (std::size_t ky = 0; ky < task.kernel_height; ++ky) {
          const std::int16_t* in = input.at(y * task.stride_y + ky, x * task.stride_x);
          for (std::size_t kx = 0; kx < task.kernel_width; ++kx) {
            for (std::size_t i = 0; i < surface_lanes; ++i) {
              acc[i] += in[i] * weight[i];
            }
            in += surface_lanes;
            weight += surface_lanes;
          }
        }
        write_outputs(operands, oc, y * task.output.width + x, 1, sums);
      }
    }
  }
}

}  // namespace

bool fits_fast_path(const ConvTask& task) {
  const bool depthwise = task.mode == ConvMode::depthwise;
  const std::uint64_t products = task.taps() * (depthwise ? 1 : task.input.lanes);
  const std::int64_t largest_weight =
      128 + std::abs(std::int32_t{task.requantization.weight_offset});
  const std::uint64_t pixels = PaddedInput::width(task) * PaddedInput::height(task);
  return largest_weight <= INT16_MAX &&
         products * 128 * static_cast<std::uint64_t>(largest_weight) <= INT32_MAX &&
         pixels * task.input.lanes <= max_copy && products * block_kernels <= max_copy;
}

void execute_fast(const Operands& operands) {
  if (operands.task.mode == ConvMode::depthwise) {
    execute_depthwise(operands);
  } else {
    execute_normal(operands);
  }
}

}  // namespace gantry::emulator
