#include "launch.h"

#include <elf.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/emulator_wire/wire.h"

namespace gantry::emulator {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr unsigned own_machine = EM_AARCH64;
#else
constexpr unsigned own_machine = EM_X86_64;
#endif
constexpr const char* library_name = "libgantry-accel.so";

/// The processor that a file is for; empty if it is no ELF file.
std::optional<unsigned> machine_of(const fs::path& path) {
  Elf64_Ehdr header{};
  std::ifstream in(path, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(&header), sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return std::nullopt;
  }
  return header.e_machine;
}

fs::path find_program(const std::string& name) {
  if (name.contains('/')) {
    return fs::exists(name) ? fs::path(name) : fs::path();
  }
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread so far
  std::string_view folders = path == nullptr ? "" : path;
  while (!folders.empty()) {
    const auto end = std::min(folders.find(':'), folders.size());
    fs::path candidate = fs::path(folders.substr(0, end)) / name;
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) {
      return candidate;
    }
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return {};
}

/// Installed below lib/gantry, or in a build tree: our own, or the one of the arm64 preset.
Result<fs::path> find_library(const fs::path& wanted, unsigned machine) {
  if (!wanted.empty()) {
    if (machine_of(wanted) != machine) {
      return fail(Code::not_found,
                  format_text("{}: not a library for this program's processor", wanted.string()));
    }
    return fs::absolute(wanted);
  }
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const auto& candidate : {here / library_name, here / "../lib/gantry" / library_name,
                                here / "../preload" / library_name,
                                here / "../../../arm64/emulator/preload" / library_name}) {
    if (machine_of(candidate) == machine) {
      return fs::weakly_canonical(candidate);
    }
  }
  return fail(Code::not_found, format_text("{} for this program's processor: not found; name it "
                                           "with --preload (the arm64 preset builds one)",
                                           library_name));
}

/// What ends programs, and the end of a child.
sigset_t ending_signals() {
  sigset_t signals{};
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

bool is_qemu(const fs::path& program) { return program.filename().string().starts_with("qemu-"); }

}  // namespace

Result<Launch> plan_launch(const std::vector<std::string>& command, const LaunchOptions& options) {
  const fs::path program = find_program(command.front());
  if (program.empty()) {
    return fail(Code::not_found, format_text("{}: not found", command.front()));
  }
  Launch launch;
  const bool by_hand = is_qemu(program);
  // Scripts are started by a shell of this machine.
  const unsigned machine =
      by_hand ? unsigned{EM_AARCH64} : machine_of(program).value_or(own_machine);
  const auto library = find_library(options.preload, machine);
  if (!library) {
    return std::unexpected(library.error());
  }
  const std::string preload = format_text("LD_PRELOAD={}", library->string());
  if (by_hand) {
    launch.words = {program.string(), "-E", preload};
    launch.words.insert(launch.words.end(), command.begin() + 1, command.end());
    return launch;
  }
  if (machine == own_machine) {
    launch.words = command;
    launch.words.front() = program.string();
    launch.environment.emplace_back("LD_PRELOAD", library->string());
    return launch;
  }
  const fs::path qemu = find_program(options.qemu);
  if (qemu.empty()) {
    return fail(Code::not_found,
                format_text("{}, which {} needs here: not found", options.qemu, program.string()));
  }
  std::vector<std::string> runner = {qemu.string()};
  if (!options.sysroot.empty()) {
    runner.insert(runner.end(), {"-L", options.sysroot.string()});
  }
  std::string runner_words;
  for (const auto& word : runner) {
    runner_words += word + "\n";
  }
  launch.words = runner;
  launch.words.insert(launch.words.end(), {"-E", preload, "-0", command.front(), program.string()});
  launch.words.insert(launch.words.end(), command.begin() + 1, command.end());
  launch.environment.emplace_back(wire::runner_variable, runner_words);
  // The RK3588's large core. qemu's default has extensions with which libraries take other ways.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
  if (std::getenv("QEMU_CPU") == nullptr) {
    launch.environment.emplace_back("QEMU_CPU", "cortex-a76");
  }
  return launch;
}

void block_ending_signals() {
  const sigset_t waited = ending_signals();
  pthread_sigmask(SIG_BLOCK, &waited, nullptr);
}

Result<int> run_launch(const Launch& launch) {
  std::vector<char*> words;
  for (const auto& word : launch.words) {
    words.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast): exec takes char*
  }
  words.push_back(nullptr);
  std::vector<std::string> added;
  for (const auto& [name, value] : launch.environment) {
    added.push_back(format_text("{}={}", name, value));
  }
  std::vector<char*> environment;
  for (auto& variable : added) {
    environment.push_back(variable.data());
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);  // what comes first counts
  }
  environment.push_back(nullptr);

  const sigset_t waited = ending_signals();
  pthread_sigmask(SIG_BLOCK, &waited, nullptr);
  // Not posix_spawn: the child must end when we are killed, since its device ends with us.
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    pthread_sigmask(SIG_UNBLOCK, &waited, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) {
      execve(words[0], words.data(), environment.data());
    }
    _exit(127);
  }
  if (child < 0) {
    return fail(Code::unavailable, "fork: " + errno_text(errno));
  }
  while (true) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    int signal = 0;
    if (sigwait(&waited, &signal) == 0 && signal != SIGCHLD) {
      kill(child, signal);
    }
  }
}

}  // namespace gantry::emulator
