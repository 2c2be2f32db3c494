#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "commands.h"
#include "gantry/backend/self.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/tflite/session.h"

namespace {

using gantry::cli::Exit;

constexpr std::string_view help =
    R"(Gantry runs TensorFlow Lite models on photos: on the command line, as a service, as a benchmark.

Usage: gantry COMMAND [OPTION…]

Commands:
  serve   answer requests over HTTP: a photo goes in, labels or boxes come out
  run     the same for picture files, once, in the terminal
  bench   how fast is a model on this machine?
  doctor  can this machine use its NPU, and if not, what is to be done?
  inspect what is in a model, and what would the NPU make of it?
  models  get well-known models, checked

  --version   the version of this program and of TensorFlow Lite
  --help      this text; `gantry COMMAND --help` tells more

Exit codes: 0 good, 1 the thing checked is bad, 2 wrong usage, 3 could not be carried out.

Examples:
  gantry run mobilenet_v1_1.0_224_quant.tflite cat.jpg
  gantry serve --model mobilenet_v1_1.0_224_quant.tflite
  gantry bench mobilenet_v1_1.0_224_quant.tflite
  gantry models pull mobilenet_v1 && gantry run mobilenet_v1 cat.jpg
)";

struct Command {
  std::string_view name;
  int (*function)(std::span<char* const> arguments);
};
constexpr std::array commands = {
    Command{"serve", gantry::cli::serve},   Command{"run", gantry::cli::run},
    Command{"bench", gantry::cli::bench},   Command{"models", gantry::cli::models},
    Command{"doctor", gantry::cli::doctor}, Command{"inspect", gantry::cli::inspect},
};

int dispatch(std::span<char* const> arguments) {
  if (arguments.empty()) {
    gantry::print_text(stderr, "{}", help);
    return to_int(Exit::usage);
  }
  const std::string_view word = arguments.front();
  if (word == "--help" || word == "-h" || word == "help") {
    gantry::print_text("{}", help);
    return to_int(Exit::good);
  }
  if (word == "--version") {
    gantry::print_line("gantry {} (TensorFlow Lite {})", GANTRY_VERSION,
                       gantry::tflite::runtime_version());
    return to_int(Exit::good);
  }
  gantry::backend::run_child(word, arguments.subspan(1));
  for (const Command& command : commands) {
    if (command.name == word) {
      return command.function(arguments.subspan(1));
    }
  }
  gantry::print_line(
      stderr,
      "gantry: want one of the commands serve, run, bench, doctor, inspect, models; got "
      "{}\n  `gantry "
      "--help` tells more.",
      gantry::in_quotes(word));
  return to_int(Exit::usage);
}

/// Keeps the places of standard descriptors that are closed. The next file that is opened would get
/// them, and what is printed. /dev/null in the wrong direction fails as a closed descriptor does.
void keep_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // The lowest free number: this one. It stays open, in our children, too.
      static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

/// The first word of the command line, where it is a command.
std::string_view command_of(std::span<char* const> arguments) {
  const std::string_view word = arguments.empty() ? "" : arguments.front();
  return word.starts_with('-') || word == "help" ? "" : word;
}

/// Says what came out of a command, unless it is that stdout takes nothing more: answers the errno
/// of that, else 0.
int tell(std::string_view command, const std::exception& exception) {
  using gantry::format_text;
  using gantry::cli::print_error;
  if (const auto* const error = dynamic_cast<const std::system_error*>(&exception)) {
    const int number = error->code().value();
    if (std::ferror(stdout) != 0) {
      return number;
    }
    switch (number) {
      case EAGAIN:  // of std::thread: no other call that throws answers this
        print_error(command,
                    format_text("a thread can't be started: {}", gantry::errno_text(number)),
                    "Raise the limit of processes (ulimit -u, the cgroup's pids.max) or of memory "
                    "(ulimit -v, the cgroup's memory.max).");
        return 0;
      case EMFILE:
      case ENFILE:
        print_error(command,
                    format_text("there are too few descriptors: {}", gantry::errno_text(number)),
                    "Raise the limit of open files (ulimit -n).");
        return 0;
      default:
        break;
    }
  }
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    print_error(command, format_text("out of memory: {}", gantry::errno_text(ENOMEM)),
                "Raise the limit of memory (ulimit -v, the cgroup's memory.max), or give it less "
                "to do at a time.");
    return 0;
  }
  print_error(command, format_text("internal: {}", exception.what()), "This is a bug in gantry.");
  return 0;
}

constexpr int unknown_reason = -1;

/// Writes what stdout still holds. Answers the errno of what failed there since the start, else 0;
/// unknown_reason if it failed before and nobody kept the errno.
int flush_output() {
  if (std::fflush(stdout) != 0) {
    return errno;
  }
  return std::ferror(stdout) != 0 ? unknown_reason : 0;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): only if telling of an exception throws
int main(int argc, char** argv) {
  // Whoever started us may have ignored it: the kernel would then not tell how our children end.
  std::signal(SIGCHLD, SIG_DFL);
  keep_standard_descriptors();
  const auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
  const std::string_view command = command_of(arguments);
  int exit = to_int(Exit::no_result);
  int output = 0;
  try {
    exit = dispatch(arguments);
    output = flush_output();
    if (output == EPIPE) {
      output = 0;  // who stopped reading wanted no more
    }
  } catch (const std::exception& e) {
    output = tell(command, e);
  }
  if (output != 0) {
    const std::string reason = output == unknown_reason ? "" : ": " + gantry::errno_text(output);
    gantry::cli::print_error(command, "standard output can't be written" + reason,
                             "What was printed is not complete.");
    exit = to_int(Exit::no_result);
  }
  return exit;
}
