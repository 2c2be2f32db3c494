#pragma once

#include "operands.h"

namespace gantry::emulator {

/// Whether execute_fast() computes this exactly: sums must fit 32 bits, and copies must not be too
/// large.
[[nodiscard]] bool fits_fast_path(const ConvTask& task);

/// The same results as execute_reference(), computed from copies in an order that suits processors.
/// Requires fits_fast_path().
void execute_fast(const Operands& operands);

}  // namespace gantry::emulator
