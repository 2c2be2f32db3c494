#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "operands.h"

namespace gantry::emulator {

/// The input of lanes [first, first + count) with its padding written out. Every tap of every
/// output is inside, so that no loop has to check. Lanes lie side by side, then x, then y.
class PaddedInput {
 public:
  PaddedInput(const Operands& operands, std::uint32_t first_lane, std::uint32_t lanes);

  [[nodiscard]] static std::uint64_t width(const ConvTask& task) {
    return std::uint64_t{task.output.width - 1} * task.stride_x + task.kernel_width;
  }
  [[nodiscard]] static std::uint64_t height(const ConvTask& task) {
    return std::uint64_t{task.output.height - 1} * task.stride_y + task.kernel_height;
  }

  [[nodiscard]] const std::int16_t* at(std::size_t y, std::size_t x) const {
    return values_.data() + (y * width_ + x) * lanes_;
  }

 private:
  std::size_t width_;
  std::size_t lanes_;
  std::vector<std::int16_t> values_;
};

}  // namespace gantry::emulator
