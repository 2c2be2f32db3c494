#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// What a program is started with.
struct Launch {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
};

struct LaunchOptions {
  std::filesystem::path preload;  ///< empty: found beside this program
  std::filesystem::path sysroot;  ///< of foreign programs
  std::string qemu = "qemu-aarch64";
};

/// The command line that runs `command` with the preload library: itself, or for a program of
/// another architecture user-mode emulation of it. Where `command` begins with a qemu-… of its
/// own, only the library is added.
/// Errors: not_found for a program or a preload library that is not there.
[[nodiscard]] Result<Launch> plan_launch(const std::vector<std::string>& command,
                                         const LaunchOptions& options);

/// To be called before any thread starts: run_launch() waits for these signals, nobody else may.
void block_ending_signals();

/// Runs it, passing on signals that end programs; its exit code, 128 + signal as shells have it.
/// Errors: unavailable with the system's reason.
[[nodiscard]] Result<int> run_launch(const Launch& launch);

}  // namespace gantry::emulator
