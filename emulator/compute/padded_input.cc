#include "padded_input.h"

#include <algorithm>

namespace gantry::emulator {

PaddedInput::PaddedInput(const Operands& operands, std::uint32_t first_lane, std::uint32_t lanes)
    : width_(width(operands.task)), lanes_(lanes) {
  const ConvTask& task = operands.task;
  const FeatureMap& map = task.input;
  const std::size_t height = PaddedInput::height(task);
  values_.resize(height * width_ * lanes_);
  // The part of a line that is inside of the map, and what is padding on both sides of it.
  const std::size_t left = std::min<std::size_t>(task.pad_left, width_);
  const std::size_t inside = std::min<std::size_t>(map.width, width_ - left);
  const auto fill = [&](std::int16_t* out, std::size_t pixels) {
    for (std::size_t i = 0; i < pixels; ++i, out += lanes_) {
      std::copy_n(operands.pad.data() + first_lane, lanes_, out);
    }
  };
  std::int16_t* line = values_.data();
  for (std::size_t row = 0; row < height; ++row, line += width_ * lanes_) {
    const std::int64_t y = static_cast<std::int64_t>(row) - task.pad_top;
    if (y < 0 || y >= map.height) {
      fill(line, width_);
      continue;
    }
    fill(line, left);
    fill(line + (left + inside) * lanes_, width_ - left - inside);
    if (task.single_channel) {
      for (std::size_t x = 0; x < inside; ++x) {
        line[(left + x) * lanes_] = std::int16_t{
            operands.input_at(static_cast<std::uint32_t>(y), static_cast<std::uint32_t>(x), 0)};
      }
      continue;
    }
    for (std::size_t lane = 0; lane < lanes_; lane += surface_lanes) {
      const auto* in = reinterpret_cast<const std::int8_t*>(operands.input) +
                       (first_lane + lane) / surface_lanes * map.surface_bytes +
                       static_cast<std::uint64_t>(y) * map.line_bytes;
      std::int16_t* out = line + left * lanes_ + lane;
      for (std::size_t x = 0; x < inside; ++x, in += surface_lanes, out += lanes_) {
        for (std::size_t i = 0; i < surface_lanes; ++i) {
          out[i] = std::int16_t{in[i]};
        }
      }
    }
  }
}

}  // namespace gantry::emulator
