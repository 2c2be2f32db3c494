#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "gantry/backend/npu_proof.h"
#include "gantry/backend/npu_slots.h"
#include "gantry/backend/self.h"

namespace gantry::backend {

/// Settings for finding and using the NPU.
struct NpuSettings {
  std::filesystem::path teflon;             ///< path of libteflon.so; "" searches for it
  std::filesystem::path system_root = "/";  ///< where to look for the NPU
  std::chrono::milliseconds proof_timeout{60'000};
  std::chrono::milliseconds invoke_timeout{10'000};
  bool without_proof = false;  ///< use the library without proving its results
  std::size_t timed_runs = 0;  ///< invokes for the times in ProofResult; 0: no times
  Self self = {};
};

/// The library that runs models on the NPU, or why there is none.
struct NpuLibrary {
  std::filesystem::path path;
  std::string mesa;    ///< "26.1.6-1"; may be ""
  std::string reason;  ///< why there is none; empty: there is one
};
/// If `settings` names a library, nothing but that library is looked at. Else the machine needs an
/// accel node of the driver rocket that this user may open, and a libteflon.so for its processor.
[[nodiscard]] NpuLibrary find_npu_library(const NpuSettings& settings);

/// Finds the NPU, proves the model on it in a child process, and starts a worker process for each
/// slot. The slots keep all that they need for themselves and for their repairs. `on_proof` is
/// called with each proof's result.
/// Threads: the factory is thread-safe.
[[nodiscard]] NpuFactory make_npu_factory(const NpuSettings& settings,
                                          std::function<void(const ProofResult&)> on_proof = {});

}  // namespace gantry::backend
