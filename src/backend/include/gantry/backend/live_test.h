#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "gantry/backend/self.h"
#include "gantry/system/diagnosis.h"

namespace gantry::backend {

/// The finding that all others lead to: `model` proven on `library` as at load (prove_in_child),
/// and timed there and on the CPU. Whatever the library does (crash, hang, lie), it is a finding
/// here. `limit` is for the child as a whole. Status::skipped, with the reason, where no child
/// could try it.
[[nodiscard]] system::Finding live_test(const std::filesystem::path& library,
                                        const std::filesystem::path& model,
                                        std::chrono::milliseconds limit, const Self& self = {});
/// The same, not run, with the reason.
[[nodiscard]] system::Finding live_test_skipped(std::string reason);

}  // namespace gantry::backend
