#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gantry::test {

/// How a test starts its CHILD (gantry_test() in cmake/GantryModule.cmake) with these arguments:
/// under the emulator of its architecture, where that is another one.
struct Command {
  std::filesystem::path program;
  std::vector<std::string> arguments;
};
inline Command child(std::vector<std::string> arguments) {
  std::filesystem::path program = GANTRY_TEST_CHILD;
#ifdef GANTRY_TEST_RUNNER
  std::vector<std::string> runner = {GANTRY_TEST_RUNNER, program.string()};
  program = runner.front();
  arguments.insert(arguments.begin(), runner.begin() + 1, runner.end());
#endif
  return {.program = std::move(program), .arguments = std::move(arguments)};
}

}  // namespace gantry::test
