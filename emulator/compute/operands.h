#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/emulator_compute/execute.h"

namespace gantry::emulator {

inline constexpr std::uint32_t surface_lanes = 16;

/// A task with pointers to its memory. Inputs are copied or only read; the output is the NPU's
/// memory.
struct Operands {
  const ConvTask& task;
  const std::byte* input = nullptr;
  const std::int8_t* weights = nullptr;
  std::vector<std::int32_t> bias{};     ///< one for each lane of the output, 0 for padding
  const std::int8_t* addend = nullptr;  ///< null without an addition
  std::int8_t* output = nullptr;
  std::vector<std::int8_t> pad{};  ///< by input lane

  /// Errors: as execute().
  [[nodiscard]] static Result<Operands> find(const ConvTask& task, const Memory& memory,
                                             ComputeOptions options);

  /// The input value inside of the map, as the multipliers see it.
  [[nodiscard]] std::int8_t input_at(std::uint32_t y, std::uint32_t x, std::uint32_t lane) const;
  /// The index of the weight of output channel `oc` (in depthwise mode, of the channel itself). The
  /// following lanes of its surface come after it.
  [[nodiscard]] std::uint64_t weight_index(std::uint32_t oc, std::uint64_t tap,
                                           std::uint32_t lane) const;
};

}  // namespace gantry::emulator
