#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "gantry/backend/self.h"
#include "gantry/system/diagnosis.h"

namespace gantry::backend {

/// Proves `model` on `library` as at load (prove_in_child) and times it there and on the CPU. The
/// result is a finding, also if the library crashes, hangs or computes wrongly. `limit` is for the
/// whole child process. Status::skipped with the reason if no child could try it.
[[nodiscard]] system::Finding live_test(const std::filesystem::path& library,
                                        const std::filesystem::path& model,
                                        std::chrono::milliseconds limit, const Self& self = {});
/// The finding of a live test that was not run, with the reason.
[[nodiscard]] system::Finding live_test_skipped(std::string reason);

}  // namespace gantry::backend
