#pragma once

#include <string>
#include <vector>

namespace gantry::system {

/// The packages of a running NixOS, asked from nix-store in a child process, which may take
/// seconds; none elsewhere. For system::find_teflon().
[[nodiscard]] std::vector<std::string> system_closure();

}  // namespace gantry::system
