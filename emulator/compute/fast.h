#pragma once

#include "operands.h"

namespace gantry::emulator {

/// Can execute_fast() compute this exactly? Sums must fit 32 bits and copies a sane size.
[[nodiscard]] bool fits_fast_path(const ConvTask& task);

/// The same results as execute_reference(), from copies in an order that processors like.
/// Requires fits_fast_path().
void execute_fast(const Operands& operands);

}  // namespace gantry::emulator
