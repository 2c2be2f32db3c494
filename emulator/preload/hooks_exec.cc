// exec(3) and posix_spawn(3): where the machine cannot start programs of our architecture by
// itself (user-mode emulation without binfmt_misc), start them through the runner that we were
// started with. GANTRY_EMULATOR_RUNNER holds its words, a line each; without it all is passed on.
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "gantry/emulator_wire/wire.h"
#include "real.h"

namespace {

#if defined(__aarch64__)
constexpr unsigned our_machine = EM_AARCH64;
#elif defined(__x86_64__)
constexpr unsigned our_machine = EM_X86_64;
#else
constexpr unsigned our_machine = EM_NONE;
#endif

constexpr std::string_view preload_prefix = "LD_PRELOAD=";

bool is_our_program(const char* path) {
  Elf64_Ehdr header{};
  const int fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  const auto got = read(fd, &header, sizeof(header));
  REAL(close)(fd);
  return got == static_cast<ssize_t>(sizeof(header)) &&
         std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_machine == our_machine;
}

/// A command line with the runner before it. No heap: a forked child may use this.
class Command {
 public:
  /// `path` as exec has it, or with `search` as execvp has it.
  Command(const char* path, char* const* argv, char* const* envp, bool search) {
    const char* runner =
        std::getenv(gantry::emulator::wire::runner_variable);  // NOLINT(concurrency-mt-unsafe)
    if (runner == nullptr || path == nullptr || !resolve(path, search) ||
        !is_our_program(path_.data())) {
      return;
    }
    std::snprintf(runner_.data(), runner_.size(), "%s", runner);
    for (char* word = runner_.data(); *word != '\0';) {
      add(word);
      word += std::strcspn(word, "\n");
      if (*word == '\n') {
        *word++ = '\0';
      }
    }
    std::size_t kept = 0;
    for (const auto* entry = envp; entry != nullptr && *entry != nullptr; ++entry) {
      // The runner is a program of the machine itself and cannot load our libraries.
      if (std::string_view(*entry).starts_with(preload_prefix)) {
        add(const_cast<char*>("-E"));  // NOLINT(*-const-cast): exec takes char*
        add(*entry);
      } else if (kept + 1 < environment_.size()) {
        environment_.at(kept++) = *entry;
      }
    }
    add(const_cast<char*>("-0"));  // NOLINT(*-const-cast)
    add(argv != nullptr && argv[0] != nullptr ? argv[0] : path_.data());
    add(path_.data());
    for (const auto* word = argv == nullptr || argv[0] == nullptr ? nullptr : argv + 1;
         word != nullptr && *word != nullptr; ++word) {
      add(*word);
    }
    is_changed_ = words_used_ + 1 < words_.size();
  }

  [[nodiscard]] bool is_changed() const { return is_changed_; }
  [[nodiscard]] const char* program() const { return words_[0]; }
  [[nodiscard]] char* const* words() const { return words_.data(); }
  [[nodiscard]] char* const* environment() const { return environment_.data(); }

 private:
  void add(char* word) {
    if (words_used_ + 1 < words_.size()) {
      words_.at(words_used_++) = word;
    }
  }

  bool resolve(const char* path, bool search) {
    if (std::string_view(path) == "/proc/self/exe") {
      const auto length = readlink(path, path_.data(), path_.size() - 1);
      return length > 0;  // the rest of the buffer is zero
    }
    if (!search || std::strchr(path, '/') != nullptr) {
      return std::snprintf(path_.data(), path_.size(), "%s", path) < static_cast<int>(path_.size());
    }
    const char* folders = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
    for (; folders != nullptr && *folders != '\0';) {
      const std::size_t length = std::strcspn(folders, ":");
      std::snprintf(path_.data(), path_.size(), "%.*s/%s", static_cast<int>(length), folders, path);
      if (access(path_.data(), X_OK) == 0) {
        return true;
      }
      folders += length;
      folders +=
          *folders == ':' ? 1 : 0;  // NOLINT(clang-analyzer-security.ArrayBound): length is its
    }
    return false;
  }

  std::array<char, PATH_MAX> path_{};
  std::array<char, PATH_MAX> runner_{};
  std::array<char*, 1024> words_{};
  std::array<char*, 1024> environment_{};
  std::size_t words_used_ = 0;
  bool is_changed_ = false;
};

}  // namespace

GANTRY_HOOK int execve(const char* path, char* const argv[], char* const envp[]) noexcept {
  const Command command(path, argv, envp, false);
  return command.is_changed()
             ? REAL(execve)(command.program(), command.words(), command.environment())
             : REAL(execve)(path, argv, envp);
}
GANTRY_HOOK int execv(const char* path, char* const argv[]) noexcept {
  return execve(path, argv, environ);
}
GANTRY_HOOK int execvpe(const char* name, char* const argv[], char* const envp[]) noexcept {
  const Command command(name, argv, envp, true);
  return command.is_changed()
             ? REAL(execve)(command.program(), command.words(), command.environment())
             : REAL(execvpe)(name, argv, envp);
}
GANTRY_HOOK int execvp(const char* name, char* const argv[]) noexcept {
  return execvpe(name, argv, environ);
}

GANTRY_HOOK int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                            const posix_spawnattr_t* attributes, char* const argv[],
                            char* const envp[]) {
  const Command command(path, argv, envp, false);
  return command.is_changed() ? REAL(posix_spawn)(pid, command.program(), actions, attributes,
                                                  command.words(), command.environment())
                              : REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
}
GANTRY_HOOK int posix_spawnp(pid_t* pid, const char* name,
                             const posix_spawn_file_actions_t* actions,
                             const posix_spawnattr_t* attributes, char* const argv[],
                             char* const envp[]) {
  const Command command(name, argv, envp, true);
  return command.is_changed() ? REAL(posix_spawn)(pid, command.program(), actions, attributes,
                                                  command.words(), command.environment())
                              : REAL(posix_spawnp)(pid, name, actions, attributes, argv, envp);
}
