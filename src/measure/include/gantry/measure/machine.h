#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace gantry::measure {

/// "Intel(R) Xeon(R) … " or the board's name; "unknown CPU" if the system does not say.
[[nodiscard]] std::string cpu_name(const std::filesystem::path& root = "/");

/// Resident memory of this process, now and at its highest, in bytes; 0 where /proc is not there.
struct Memory {
  std::uint64_t resident = 0;
  std::uint64_t peak = 0;
};
[[nodiscard]] Memory memory_of_this_process();

/// The first accelerator node, "/dev/accel/accel0"; empty if there is none. Looks for the file
/// only, not for the device behind it.
[[nodiscard]] std::string accel_node(const std::filesystem::path& root = "/");

}  // namespace gantry::measure
