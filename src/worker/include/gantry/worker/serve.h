#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gantry/base/error.h"
#include "gantry/dispatch/execution_slot.h"

namespace gantry::worker {

/// The child's descriptor of the socket to its ProcessSlot.
inline constexpr int slot_socket = 3;
/// The child's descriptor of the first of ProcessSlotConfig::files; the others follow.
inline constexpr int first_slot_file = slot_socket + 1;

struct MadeSlot {
  std::unique_ptr<dispatch::ExecutionSlot> slot;  ///< all input shapes known
  std::string details;                            ///< for the parent; at most 64 KiB
};
using MakeSlot = std::function<Result<MadeSlot>()>;

/// The child's side of ProcessSlot: makes the slot, describes it to the parent, and invokes it on
/// request. It never returns. It ends the process, without destructors, when the parent closes
/// `socket` or is gone, also in the middle of an invoke. It also ends the process when the slot
/// could not be made, after telling the parent why. SIGINT, SIGTERM and SIGHUP are ignored: a
/// terminal or a service manager sends them to every process of a service, but the parent decides
/// when the child ends. No core file is left.
[[noreturn]] void serve(int socket, const MakeSlot& make_slot);

}  // namespace gantry::worker
