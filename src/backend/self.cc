#include "gantry/backend/self.h"

#include <cstdio>

#include "child_files.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/child.h"

namespace gantry::backend {

void run_child(std::string_view command, std::span<char* const> arguments) {
  constexpr int wrong_usage = 2;
  const auto want = [&](std::size_t count, std::string_view what) {
    if (arguments.size() != count) {
      print_line(stderr, "{}: want {}", command, what);
      sandbox::leave(wrong_usage);
    }
  };
  if (command == "trial") {
    want(1, "a backend");
    run_trial(arguments[0]);
  }
  if (command == "npu-proof") {
    want(2, "a library and a number of runs");
    const auto runs = parse_int(arguments[1]);
    if (!runs || *runs < 0) {
      want(arguments.size() + 1, "a number of runs of at least 0");
    }
    run_npu_proof(arguments[0], static_cast<std::size_t>(*runs));
  }
  if (command == "slot-worker") {
    want(1, "a library");
    run_slot_worker(arguments[0]);
  }
}

}  // namespace gantry::backend
