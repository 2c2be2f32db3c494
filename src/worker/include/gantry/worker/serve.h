#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"

namespace gantry::worker {

/// The descriptor that ProcessSlot gives to its child.
inline constexpr int slot_socket = 3;
/// The first of ProcessSlotConfig::files; the others follow it.
inline constexpr int first_slot_file = slot_socket + 1;

struct MadeSlot {
  std::unique_ptr<dispatch::ExecutionSlot> slot;  ///< all input shapes known
  std::string details;                            ///< for the parent; at most 64 KiB
};
using MakeSlot = std::function<Result<MadeSlot>()>;

/// The child's side of ProcessSlot: makes the slot, tells the parent about it, and invokes it when
/// asked. Ends the process, without destructors: when the parent closes `socket` or is no more (in
/// the midst of an invoke, too), or when the slot could not be made, which the parent is told with
/// the reason. SIGINT, SIGTERM and SIGHUP, which a terminal or a service manager sends to every
/// process of a service, are ignored: the parent decides. No core file is left.
[[noreturn]] void serve(int socket, const MakeSlot& make_slot);

}  // namespace gantry::worker
