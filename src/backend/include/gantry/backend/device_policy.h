#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "gantry/dispatch/execution_slot.h"

namespace gantry::backend {

/// Where a model is wanted to run.
enum class DeviceWanted : std::uint8_t {
  automatic,  ///< on the NPU where it is there and proven, else on the CPU, which is said
  npu,        ///< on the NPU or not at all
  cpu,
};
/// "auto", "npu", "cpu".
[[nodiscard]] std::string_view device_wanted_name(DeviceWanted wanted) noexcept;

/// Which device the requests of one loaded model go to.
///
///       ┌────────┐
///   ───▶│ on_cpu │  for good: cpu was wanted, or there is no NPU for this model
///       └────────┘
///       ┌────────┐   no slot is usable   ┌───────┐
///   ───▶│ on_npu │──────────────────────▶│ moved │  auto: requests go to the CPU
///       │        │◀──────────────────────│       │
///       │        │    a slot is usable   └───────┘
///       │        │                       ┌───────┐
///       │        │──────────────────────▶│ down  │  npu: requests are refused
///       │        │◀──────────────────────│       │
///       └────────┘                       └───────┘
///
/// Threads: thread-safe.
class DevicePolicy {
 public:
  enum class State : std::uint8_t { on_cpu, on_npu, moved, down };

  /// on_npu with NPU slots, else on_cpu. `wanted` npu without any, or cpu with some, is a mistake
  /// of the caller.
  DevicePolicy(DeviceWanted wanted, bool has_npu_slots);

  /// The number of usable NPU slots may have changed: asks `usable` for it, under this object's
  /// lock, so that the last call decides whoever comes first. Answers the new state if it is
  /// another one.
  std::optional<State> update(const std::function<std::size_t()>& usable);

  [[nodiscard]] State state() const;
  /// Where a request goes now; empty: nowhere.
  [[nodiscard]] std::optional<dispatch::Device> target() const;
  [[nodiscard]] DeviceWanted wanted() const noexcept { return wanted_; }
  /// Times that the NPU was left, and come back to.
  [[nodiscard]] std::size_t moves_away() const;

 private:
  const DeviceWanted wanted_;
  mutable std::mutex mutex_;
  State state_;
  std::size_t moves_away_ = 0;
};
[[nodiscard]] std::string_view state_name(DevicePolicy::State state) noexcept;

}  // namespace gantry::backend
