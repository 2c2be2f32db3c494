#include "gantry/dispatch/execution_slot.h"

namespace gantry::dispatch {

std::string_view device_name(Device device) noexcept {
  switch (device) {
    case Device::cpu:
      return "cpu";
    case Device::npu:
      return "npu";
  }
  return "unknown";
}

}  // namespace gantry::dispatch
