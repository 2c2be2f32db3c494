#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::dispatch {

/// The device that did the work.
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

  /// Whether the slot cannot work until it is repaired: its process ended, hung or answered
  /// nonsense. It is called often, so it must be quick. A slot may break while it is free.
  [[nodiscard]] virtual bool is_broken() const noexcept { return false; }
  /// Why it is broken, for a person; empty if it is not.
  [[nodiscard]] virtual std::string broken_reason() const { return {}; }
  /// Makes a broken slot work again; inputs() and outputs() do not change. It may take seconds. It
  /// ends soon, with cancelled, once `stop` is requested. The pool calls it on the pool's own
  /// thread, while the slot is not lent.
  /// Errors: why it stays broken.
  [[nodiscard]] virtual Result<> repair(const std::stop_token& stop) {
    static_cast<void>(stop);
    return {};
  }
};

}  // namespace gantry::dispatch
