#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// This program as its own child: code that may crash or hang runs in a separate process.
namespace gantry::backend {

/// How the program that calls run_child() is started.
struct Self {
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments = {};  ///< in front of the child's command; for tests
};

/// If `command` is a child's command (trial, npu-proof, slot-worker), does that job with
/// `arguments` and ends the process. Else returns. The commands are not for people: they need
/// descriptors from the parent.
void run_child(std::string_view command, std::span<char* const> arguments);

}  // namespace gantry::backend
