#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// How a program is started.
struct Launch {
  std::vector<std::string> words;
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
};

struct LaunchOptions {
  std::filesystem::path preload;  ///< empty: found beside this program
  std::filesystem::path sysroot;  ///< for programs of another architecture
  std::string qemu = "qemu-aarch64";
};

/// The command line that runs `command` with the preload library. For a program of another
/// architecture it adds user-mode emulation. If `command` begins with a qemu-… already, only the
/// library is added.
/// Errors: not_found if the program or the preload library does not exist.
[[nodiscard]] Result<Launch> plan_launch(const std::vector<std::string>& command,
                                         const LaunchOptions& options);

/// Call it before any thread starts: only run_launch() may get these signals, and it waits for
/// them.
void block_ending_signals();

/// Runs the program and passes on signals that end programs. Answers its exit code, or 128 +
/// signal, as shells do.
/// Errors: unavailable with the system's reason.
[[nodiscard]] Result<int> run_launch(const Launch& launch);

}  // namespace gantry::emulator
