#include "gantry/measure/machine.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "gantry/base/text.h"

namespace gantry::measure {
namespace {

/// The value of the first line "key<blanks>: value".
std::string value_of(const std::filesystem::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (line.starts_with(key) && colon != std::string::npos) {
      const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  }
  return {};
}

std::uint64_t kib_of(std::string_view value) {
  return static_cast<std::uint64_t>(parse_int(value.substr(0, value.find(' '))).value_or(0)) * 1024;
}

}  // namespace

std::string cpu_name(const std::filesystem::path& root) {
  if (std::string name = value_of(root / "proc/cpuinfo", "model name"); !name.empty()) {
    return printable(name);
  }
  std::ifstream board(root / "proc/device-tree/model",
                      std::ios::binary);  // arm64: the board says it
  std::string name;
  std::getline(board, name, '\0');
  return name.empty() ? "unknown CPU" : printable(name);
}

Memory memory_of_this_process() {
  return {.resident = kib_of(value_of("/proc/self/status", "VmRSS")),
          .peak = kib_of(value_of("/proc/self/status", "VmHWM"))};
}

std::string accel_node(const std::filesystem::path& root) {
  std::vector<std::string> nodes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root / "dev/accel", error)) {
    nodes.push_back(entry.path().filename().string());
  }
  return nodes.empty() ? "" : "/dev/accel/" + std::ranges::min(nodes);
}

}  // namespace gantry::measure
