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

/// How the NPU is found and used.
struct NpuSettings {
  std::filesystem::path teflon;             ///< this libteflon.so; "" searches
  std::filesystem::path system_root = "/";  ///< where to look for the NPU
  std::chrono::milliseconds proof_timeout{60'000};
  std::chrono::milliseconds invoke_timeout{10'000};
  bool without_proof = false;  ///< take what the library computes, right or not
  std::size_t timed_runs = 0;  ///< of ProofResult's times
  Self self = {};
};

/// The library that a model would be run with, or why there is none.
struct NpuLibrary {
  std::filesystem::path path;
  std::string mesa;    ///< "26.1.6-1"; may be ""
  std::string reason;  ///< empty: there is one
};
/// A library that was named is taken whatever else is there; else the machine needs an accel node
/// of the driver rocket that this user may open, and a libteflon.so of its own processor.
[[nodiscard]] NpuLibrary find_npu_library(const NpuSettings& settings);

/// Finds the NPU, proves the model on it in a child process, and starts a worker process for each
/// slot. The slots keep what they need, for their repairs too. `on_proof` is told of each proof.
/// Threads: the factory is thread-safe.
[[nodiscard]] NpuFactory make_npu_factory(const NpuSettings& settings,
                                          std::function<void(const ProofResult&)> on_proof = {});

}  // namespace gantry::backend
