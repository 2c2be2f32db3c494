#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// This program as its own child: what may crash or hang runs in a process of its own.
namespace gantry::backend {

/// How the program that calls run_child() is started.
struct Self {
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments = {};  ///< before the child's command; tests need them
};

/// Where `command` is that of a child (trial, npu-proof, slot-worker), does its job with
/// `arguments` and ends the process; else returns. Not for people: their descriptors come from the
/// parent.
void run_child(std::string_view command, std::span<char* const> arguments);

}  // namespace gantry::backend
