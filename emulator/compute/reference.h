#pragma once

#include "operands.h"

namespace gantry::emulator {

/// The specification as loops: one output at a time, 64-bit sums, any shape.
void execute_reference(const Operands& operands);

}  // namespace gantry::emulator
