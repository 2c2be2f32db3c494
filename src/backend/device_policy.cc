#include "gantry/backend/device_policy.h"

#include <cassert>

namespace gantry::backend {

std::string_view device_wanted_name(DeviceWanted wanted) noexcept {
  switch (wanted) {
    case DeviceWanted::automatic:
      return "auto";
    case DeviceWanted::npu:
      return "npu";
    case DeviceWanted::cpu:
      return "cpu";
  }
  return "?";
}

std::string_view state_name(DevicePolicy::State state) noexcept {
  switch (state) {
    case DevicePolicy::State::on_cpu:
      return "on_cpu";
    case DevicePolicy::State::on_npu:
      return "on_npu";
    case DevicePolicy::State::moved:
      return "moved";
    case DevicePolicy::State::down:
      return "down";
  }
  return "?";
}

DevicePolicy::DevicePolicy(DeviceWanted wanted, bool has_npu_slots)
    : wanted_(wanted), state_(has_npu_slots ? State::on_npu : State::on_cpu) {
  assert(wanted != (has_npu_slots ? DeviceWanted::cpu : DeviceWanted::npu));
}

std::optional<DevicePolicy::State> DevicePolicy::update(
    const std::function<std::size_t()>& usable) {
  const std::scoped_lock lock(mutex_);
  if (state_ == State::on_cpu) {
    return std::nullopt;
  }
  const State without = wanted_ == DeviceWanted::npu ? State::down : State::moved;
  const State next = usable() > 0 ? State::on_npu : without;
  if (next == state_) {
    return std::nullopt;
  }
  state_ = next;
  moves_away_ += next == State::on_npu ? 0U : 1U;
  return next;
}

DevicePolicy::State DevicePolicy::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

std::optional<dispatch::Device> DevicePolicy::target() const {
  switch (state()) {
    case State::on_npu:
      return dispatch::Device::npu;
    case State::on_cpu:
    case State::moved:
      return dispatch::Device::cpu;
    case State::down:
      break;
  }
  return std::nullopt;
}

std::size_t DevicePolicy::moves_away() const {
  const std::scoped_lock lock(mutex_);
  return moves_away_;
}

}  // namespace gantry::backend
