#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/sandbox/process.h"
#include "gantry/test/child.h"

namespace gantry::sandbox {

/// Long enough for a loaded machine under a sanitizer; waits end by events, not by this.
inline Deadline patience() { return Deadline::after(std::chrono::minutes(2)); }

/// The test child (test_child.cc) with these arguments.
inline Launch launch(std::vector<std::string> arguments) {
  auto command = test::child(std::move(arguments));
  return {.program = std::move(command.program), .arguments = std::move(command.arguments)};
}

}  // namespace gantry::sandbox
