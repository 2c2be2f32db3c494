#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::dispatch {

/// What did the work.
enum class Device : std::uint8_t { cpu, npu };
[[nodiscard]] std::string_view device_name(Device device) noexcept;

/// A place where one inference at a time runs: an interpreter on the CPU, or an open NPU device
/// file with its delegate and interpreters. Lent by SlotPool. Threads: one thread at a time; any
/// thread.
class ExecutionSlot {
 public:
  ExecutionSlot() = default;
  ExecutionSlot(const ExecutionSlot&) = delete;
  ExecutionSlot& operator=(const ExecutionSlot&) = delete;
  virtual ~ExecutionSlot() = default;

  [[nodiscard]] virtual Device device() const noexcept = 0;
  /// Output shapes of dynamic models may change with invoke().
  [[nodiscard]] virtual const std::vector<TensorSpec>& inputs() const = 0;
  [[nodiscard]] virtual const std::vector<TensorSpec>& outputs() const = 0;
  /// Memory of input `index`, to be written before invoke().
  [[nodiscard]] virtual std::span<std::byte> input(std::size_t index) = 0;
  /// Memory of output `index`, valid until the next invoke().
  [[nodiscard]] virtual std::span<const std::byte> output(std::size_t index) const = 0;
  /// Errors: unavailable if device or runtime failed.
  [[nodiscard]] virtual Result<> invoke() = 0;
};

}  // namespace gantry::dispatch
