#include "operands.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "gantry/base/format.h"

namespace gantry::emulator {
namespace {

constexpr std::uint32_t normal_group = 32;  ///< of input and of output channels, in weights
constexpr std::uint32_t depthwise_group = 64;

/// The bytes from a map's first to its last, or 0 for a map without surfaces.
std::uint64_t extent(const FeatureMap& map, std::uint64_t pixel_bytes) {
  const std::uint64_t surfaces = pixel_bytes == 1 ? 1 : map.lanes / surface_lanes;
  return (surfaces - 1) * map.surface_bytes + (map.height - 1) * map.line_bytes +
         map.width * pixel_bytes;
}

std::unexpected<Error> unmapped(std::string_view what, std::uint64_t address, std::uint64_t bytes) {
  return fail(Code::out_of_range,
              format_text("{}: {} bytes at {:#x} are not mapped", what, bytes, address));
}

std::vector<std::int8_t> pad_lanes(const ConvTask& task, ComputeOptions options) {
  std::vector<std::int8_t> pad(task.input.lanes, task.pad[0]);
  if (task.mode == ConvMode::depthwise && options.depthwise_pad_lanes) {
    for (std::uint32_t lane = 1; lane < task.input.lanes; lane += 2) {
      if (lane % 64 < 32) {
        pad[lane] = task.pad[1];
      }
    }
  }
  if (task.single_channel) {
    std::fill(pad.begin() + 1, pad.end(), std::int8_t{0});  // these lanes carry no data
  }
  return pad;
}

}  // namespace

Result<Operands> Operands::find(const ConvTask& task, const Memory& memory,
                                ComputeOptions options) {
  Operands found{.task = task, .bias = std::vector<std::int32_t>(task.output.lanes)};
  const auto input_bytes = extent(task.input, task.single_channel ? 1 : surface_lanes);
  found.input = memory.at(task.input.address, input_bytes);
  if (found.input == nullptr) {
    return unmapped("input", task.input.address, input_bytes);
  }
  const auto* weights = memory.at(task.weights_address, task.weight_bytes());
  if (weights == nullptr) {
    return unmapped("weights", task.weights_address, task.weight_bytes());
  }
  found.weights = reinterpret_cast<const std::int8_t*>(weights);
  const std::uint64_t bias_bytes = task.output.channels * sizeof(std::int32_t);
  const auto* bias = memory.at(task.bias_address, bias_bytes);
  if (bias == nullptr) {
    return unmapped("biases", task.bias_address, bias_bytes);
  }
  std::memcpy(found.bias.data(), bias, bias_bytes);
  const auto output_bytes = extent(task.output, surface_lanes);
  auto* output = memory.at(task.output.address, output_bytes);
  if (output == nullptr) {
    return unmapped("output", task.output.address, output_bytes);
  }
  found.output = reinterpret_cast<std::int8_t*>(output);
  if (task.addition) {
    FeatureMap addend = task.output;
    addend.surface_bytes = task.addition->surface_bytes;
    const auto* bytes = memory.at(task.addition->address, extent(addend, surface_lanes));
    if (bytes == nullptr) {
      return unmapped("addend", task.addition->address, extent(addend, surface_lanes));
    }
    found.addend = reinterpret_cast<const std::int8_t*>(bytes);
  }
  found.pad = pad_lanes(task, options);
  return found;
}

std::int8_t Operands::input_at(std::uint32_t y, std::uint32_t x, std::uint32_t lane) const {
  const FeatureMap& map = task.input;
  if (task.single_channel) {
    if (lane != 0) {
      return 0;
    }
    const auto& convert = *task.single_channel;
    const auto raw = std::to_integer<std::int64_t>(input[y * map.line_bytes + x]);
    return static_cast<std::int8_t>(std::clamp<std::int64_t>(
        ((raw * convert.scale) >> convert.shift) + convert.offset, INT8_MIN, INT8_MAX));
  }
  return static_cast<std::int8_t>(input[std::uint64_t{lane / surface_lanes} * map.surface_bytes +
                                        std::uint64_t{y} * map.line_bytes +
                                        std::uint64_t{x} * surface_lanes + lane % surface_lanes]);
}

std::uint64_t Operands::weight_index(std::uint32_t oc, std::uint64_t tap,
                                     std::uint32_t lane) const {
  const std::uint64_t taps = task.taps();
  const std::uint64_t lanes = task.input.lanes;
  if (task.mode == ConvMode::depthwise) {
    const std::uint64_t first = std::uint64_t{lane / depthwise_group} * depthwise_group;
    const std::uint64_t in_group = std::min<std::uint64_t>(depthwise_group, lanes - first);
    return first * taps + tap * in_group + (lane - first);
  }
  const std::uint64_t first_oc = std::uint64_t{oc / normal_group} * normal_group;
  const std::uint64_t first_ic = std::uint64_t{lane / normal_group} * normal_group;
  const std::uint64_t oc_in_group = std::min<std::uint64_t>(normal_group, task.kernels - first_oc);
  const std::uint64_t ic_in_group = std::min<std::uint64_t>(normal_group, lanes - first_ic);
  return first_oc * taps * lanes + first_ic * taps * oc_in_group +
         (tap * oc_in_group + (oc - first_oc)) * ic_in_group + (lane - first_ic);
}

}  // namespace gantry::emulator
