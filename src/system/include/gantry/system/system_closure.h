#pragma once

#include <string>
#include <vector>

namespace gantry::system {

/// The packages of a running NixOS; none on other systems. Runs nix-store in a child process, which
/// may take seconds. For system::find_teflon().
[[nodiscard]] std::vector<std::string> system_closure();

}  // namespace gantry::system
