#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

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

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): only if telling of an exception throws
int main(int argc, char** argv) {
  // Whoever started us may have ignored it: the kernel would then not tell how our children end.
  std::signal(SIGCHLD, SIG_DFL);
  try {
    return dispatch(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  } catch (const std::exception& e) {
    gantry::cli::print_error("", gantry::format_text("internal: {}", e.what()),
                             "This is a bug in gantry.");
    return to_int(Exit::no_result);
  }
}
