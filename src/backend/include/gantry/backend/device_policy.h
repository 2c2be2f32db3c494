#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "gantry/dispatch/execution_slot.h"

namespace gantry::backend {

/// The device that a model should run on.
enum class DeviceWanted : std::uint8_t {
  /// On the NPU if there is one and the proof passes, else on the CPU; the report says why.
  automatic,
  npu,  ///< on the NPU or not at all
  cpu,
};
/// "auto", "npu", "cpu".
[[nodiscard]] std::string_view device_wanted_name(DeviceWanted wanted) noexcept;

/// Which device the requests of one loaded model go to.
///
///       ┌────────┐
///   ───▶│ on_cpu │  for good: cpu is wanted, or there is no NPU for this model
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

  /// Starts in on_npu with NPU slots, else in on_cpu. The caller must not pass `wanted` npu without
  /// NPU slots, or cpu with them.
  DevicePolicy(DeviceWanted wanted, bool has_npu_slots);

  /// Call this when the number of usable NPU slots may have changed. It calls `usable` under this
  /// object's lock, so that the newest number decides when several threads call. Answers the new
  /// state if the state changed.
  std::optional<State> update(const std::function<std::size_t()>& usable);

  [[nodiscard]] State state() const;
  /// The device that a request goes to now; empty: it is refused.
  [[nodiscard]] std::optional<dispatch::Device> target() const;
  [[nodiscard]] DeviceWanted wanted() const noexcept { return wanted_; }
  /// How often the NPU was left.
  [[nodiscard]] std::size_t moves_away() const;

 private:
  const DeviceWanted wanted_;
  mutable std::mutex mutex_;
  State state_;
  std::size_t moves_away_ = 0;
};
[[nodiscard]] std::string_view state_name(DevicePolicy::State state) noexcept;

}  // namespace gantry::backend
