#pragma once

#include <chrono>
#include <filesystem>

#include "gantry/system/diagnosis.h"

namespace gantry::cli {

/// The finding that all others lead to: the built-in model run through `library`, in a child
/// process, and compared with the CPU. Whatever the library does there (crash, hang, lie), it is
/// a finding here. `limit` is for the child as a whole. Status::skipped, with the reason, where no
/// child could try it.
[[nodiscard]] system::Finding live_test(const std::filesystem::path& library,
                                        const std::filesystem::path& model,
                                        std::chrono::milliseconds limit,
                                        const std::filesystem::path& program = "/proc/self/exe");
/// The same, not run, with the reason.
[[nodiscard]] system::Finding live_test_skipped(std::string reason);

}  // namespace gantry::cli
