#pragma once

#include <cstddef>
#include <cstdint>

#include "gantry/base/error.h"
#include "gantry/emulator_stream/conv_task.h"

namespace gantry::emulator {

/// The memory that a core sees.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  /// `bytes` bytes from the NPU's `address` on; null unless all of them are mapped. Not owned;
  /// valid until the job that asks has ended.
  [[nodiscard]] virtual std::byte* at(std::uint64_t address, std::uint64_t bytes) const = 0;
};

struct ComputeOptions {
  /// In depthwise mode, odd channels among the first 32 of each 64 pad with byte 1 of the
  /// register, as silicon does (rocket-npu.md E.6).
  bool depthwise_pad_lanes = false;
  /// Use plain loops with 64-bit sums for every shape. They are slow; the fast path is tested
  /// against them.
  bool reference = false;
};

/// Computes a task and writes its output channels; padding channels of the last surface become 0.
/// Nothing outside of the task's own output is written.
/// Errors: out_of_range naming the operand, if an operand is not mapped as a whole; then nothing is
///         written.
/// Threads: reentrant. If the memory changes meanwhile, the output bytes are undefined.
/// Source:  rocket-npu.md E.3 to E.8.
[[nodiscard]] Result<> execute(const ConvTask& task, const Memory& memory, ComputeOptions options);

}  // namespace gantry::emulator
