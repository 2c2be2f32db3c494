#include "system_closure.h"

#include <unistd.h>

#include <ranges>
#include <string_view>

#include "child_process.h"

namespace gantry::cli {

std::vector<std::string> system_closure() {
  constexpr const char* program = "/run/current-system/sw/bin/nix-store";
  constexpr std::size_t most_words = std::size_t{8} << 20U;
  std::vector<std::string> out;
  if (access(program, X_OK) != 0) {
    return out;
  }
  if (auto child = ChildProcess::start(program, {"-qR", "/run/current-system"})) {
    const ChildEnd end = (*child)->wait(Deadline::after(std::chrono::seconds(20)), most_words);
    for (const auto line : end.words | std::views::split('\n')) {
      out.emplace_back(std::string_view(line));
    }
  }
  return out;
}

}  // namespace gantry::cli
