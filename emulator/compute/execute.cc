#include "gantry/emulator_compute/execute.h"

#include <utility>

#include "fast.h"
#include "operands.h"
#include "reference.h"

namespace gantry::emulator {

Result<> execute(const ConvTask& task, const Memory& memory, ComputeOptions options) {
  const auto operands = Operands::find(task, memory, options);
  if (!operands) {
    return std::unexpected(operands.error());
  }
  if (!options.reference && fits_fast_path(task)) {
    execute_fast(*operands);
  } else {
    execute_reference(*operands);
  }
  return {};
}

}  // namespace gantry::emulator
