#include "reference.h"

#include "requantize.h"

namespace gantry::emulator {
namespace {

/// Adds up one output's products for the lanes [first, last).
std::int64_t sum(const Operands& operands, std::uint32_t oc, std::uint32_t oy, std::uint32_t ox,
                 std::uint32_t first, std::uint32_t last) {
  const ConvTask& task = operands.task;
  std::int64_t products = 0;
  std::int64_t inputs = 0;
  for (std::uint32_t ky = 0; ky < task.kernel_height; ++ky) {
    for (std::uint32_t kx = 0; kx < task.kernel_width; ++kx) {
      const auto y = std::int64_t{oy} * task.stride_y + ky - task.pad_top;
      const auto x = std::int64_t{ox} * task.stride_x + kx - task.pad_left;
      const bool inside = y >= 0 && y < task.input.height && x >= 0 && x < task.input.width;
      for (std::uint32_t lane = first; lane < last; ++lane) {
        const std::int8_t value = inside ? operands.input_at(static_cast<std::uint32_t>(y),
                                                             static_cast<std::uint32_t>(x), lane)
                                         : operands.pad[lane];
        const auto tap = std::uint64_t{ky} * task.kernel_width + kx;
        products += std::int64_t{value} * operands.weights[operands.weight_index(oc, tap, lane)];
        inputs += value;
      }
    }
  }
  return products + inputs * task.requantization.weight_offset;
}

}  // namespace

void execute_reference(const Operands& operands) {
  const ConvTask& task = operands.task;
  const bool depthwise = task.mode == ConvMode::depthwise;
  for (std::uint32_t oc = 0; oc < task.output.lanes; ++oc) {
    for (std::uint32_t oy = 0; oy < task.output.height; ++oy) {
      for (std::uint32_t ox = 0; ox < task.output.width; ++ox) {
        const std::uint64_t place = std::uint64_t{oy} * task.output.line_bytes +
                                    std::uint64_t{ox} * surface_lanes + oc % surface_lanes;
        const std::uint64_t surface = oc / surface_lanes;
        auto& out = operands.output[surface * task.output.surface_bytes + place];
        if (oc >= task.output.channels) {
          out = 0;
          continue;
        }
        std::int64_t added = 0;
        if (task.addition) {
          added = addend_term(operands.addend[surface * task.addition->surface_bytes + place],
                              *task.addition);
        }
        out = requantize(
            sum(operands, oc, oy, ox, depthwise ? oc : 0, depthwise ? oc + 1 : task.input.lanes),
            operands.bias[oc], added, task.requantization);
      }
    }
  }
}

}  // namespace gantry::emulator
