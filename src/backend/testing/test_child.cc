// The children of the tests: this program's real ones, or one that pretends to be, as its first
// argument says.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "child_files.h"
#include "gantry/backend/self.h"
#include "gantry/base/format.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/child.h"

namespace gantry::backend {
namespace {

[[noreturn]] void hang() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

void crash() {
  print_line(stderr, "about to fall");
  std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would take it for its own
  raise(SIGSEGV);
}

/// `how` is a list of what to do, one after the other: "say:TEXT" tells a result, "step:TEXT" a
/// step.
Result<> obey(std::span<const std::string> how, const sandbox::Teller& tell) {
  for (const std::string_view what : how) {
    if (what.starts_with("say:")) {
      tell.result(what.substr(4));
    } else if (what.starts_with("step:")) {
      tell.step(what.substr(5));
    } else if (what.starts_with("print:")) {
      print_line("{}", what.substr(6));
    } else if (what.starts_with("error:")) {
      return fail(Code::invalid_argument, std::string(what.substr(6)));
    } else if (what == "killed") {
      raise(SIGKILL);
    } else if (what == "crash") {
      crash();
    } else if (what == "hang") {
      hang();
    } else if (what.starts_with("exit:")) {
      std::fflush(stdout);
      std::_Exit(static_cast<int>(parse_int(what.substr(5)).value_or(99)));
    } else if (what == "sealed_model") {
      const auto model = SealedBytes::adopt(UniqueFd(model_descriptor), std::size_t{1} << 30U);
      tell.result(format_text("{} bytes", model ? model->bytes().size() : 0));
    }
  }
  return {};
}

}  // namespace
}  // namespace gantry::backend

// NOLINTNEXTLINE(bugprone-exception-escape): a crash is what some tests want
int main(int argc, char** argv) {
  using namespace gantry;
  const auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
  const std::vector<std::string> words(arguments.begin(), arguments.end());
  const auto command = std::ranges::find(words, "--");  // what comes behind it is for the real one
  if (command == words.begin()) {
    backend::run_child(words.at(1), arguments.subspan(2));
    return 2;
  }
  sandbox::run_task({}, [&](const sandbox::Teller& tell) {
    return backend::obey(std::span(words.begin(), command), tell);
  });
}
