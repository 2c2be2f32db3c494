// The child of the tests: does everything a child may do, as its first argument says.
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/sandbox/child.h"
#include "gantry/sandbox/process.h"

namespace gantry::sandbox {
namespace {

[[noreturn]] void hang() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

std::string limit(decltype(RLIMIT_CORE) what) {
  rlimit found{};
  getrlimit(what, &found);
  return found.rlim_cur == RLIM_INFINITY ? "none" : std::to_string(found.rlim_cur);
}

Result<> job(std::string_view how, const Teller& tell) {
  if (how == "good") {
    tell.step("working");
    tell.result("first");
    tell.result("second");
    return {};
  }
  if (how == "error") {
    tell.step("failing");
    return fail(Code::failed_precondition, "it cannot be");
  }
  if (how == "throw") {
    throw std::runtime_error("thrown");
  }
  if (how == "crash") {
    tell.step("falling");
    print_line(stderr, "about to fall");
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would take it for its own
    raise(SIGSEGV);
  }
  if (how == "hang") {
    tell.step("hanging");
    hang();
  }
  if (how == "noise") {  // what a parent that listens to a library's words would take for a result
    print_line("result: all is well\ndone");
    std::fflush(stdout);
    std::_Exit(0);
  }
  if (how == "done_then_exit_3") {
    std::atexit([] { std::_Exit(3); });
    tell.result("all is well");
    std::exit(3);  // NOLINT(concurrency-mt-unsafe): a library that ends its process
  }
  if (how == "leaves_one_that_holds" || how == "leaves_one_that_chatters") {
    std::array<int, 2> told{};
    if (pipe(told.data()) != 0) {
      return fail(Code::unavailable, "no pipe");
    }
    const pid_t left = fork();
    if (left == 0) {
      close(told[1]);
      char none = 0;
      static_cast<void>(read(told[0], &none, 1));  // until its number was told
      // Longer than a parent may wait; not for ever, should the test end early.
      alarm(100);
      while (how == "leaves_one_that_chatters") {
        tell.result("of the one that is left");
      }
      hang();
    }
    tell.result(std::to_string(left));
    close(told[1]);
    return {};
  }
  if (how == "chatter") {
    for (;;) {
      tell.result(std::string(1000, 'x'));
      print_line("{}", std::string(1000, 'y'));
    }
  }
  if (how == "limits") {
    tell.result(format_text("cpu {}", limit(RLIMIT_CPU)));
    tell.result(format_text("core {}", limit(RLIMIT_CORE)));
    tell.result(format_text("file {}", limit(RLIMIT_FSIZE)));
    return {};
  }
  if (how == "file") {
    const auto given = SealedBytes::adopt(UniqueFd(first_descriptor + 1), 100);
    if (!given) {
      return std::unexpected(given.error());
    }
    tell.result({reinterpret_cast<const char*>(given->bytes().data()), given->bytes().size()});
    const auto written =
        write_all(first_descriptor + 2, std::as_bytes(std::span("from the child", 14)));
    return written;
  }
  return fail(Code::invalid_argument, format_text("\"{}\" is nothing that it does", how));
}

}  // namespace
}  // namespace gantry::sandbox

// NOLINTNEXTLINE(bugprone-exception-escape): a crash is what some tests want
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::string how = argc > 1 ? arguments[1] : "";
  if (how == "exit") {
    return static_cast<int>(std::strtol(arguments.at(2).c_str(), nullptr, 10));
  }
  if (how == "sleep") {
    gantry::sandbox::hang();
  }
  gantry::sandbox::run_task(
      {}, [&how](const gantry::sandbox::Teller& tell) { return gantry::sandbox::job(how, tell); });
}
