#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "gantry/cli/options.h"
#include "gantry/inference/device_policy.h"
#include "gantry/inference/npu_slots.h"
#include "npu_proof.h"

namespace gantry::cli {

/// The settings about the NPU that `serve`, `run` and `bench` share.
struct NpuOptions {
  std::string device = "auto";
  std::size_t slots = 3;
  std::filesystem::path teflon;
  std::filesystem::path system_root = "/";
  std::chrono::milliseconds proof_timeout{60'000};
  std::chrono::milliseconds invoke_timeout{10'000};
  bool no_proof = false;       ///< --no-npu-proof, of `bench` alone
  std::size_t timed_runs = 0;  ///< no setting: of ProofResult's times

  void add_to(Options& options);
  /// All but --npu-slots, for commands that work on one thing at a time.
  void add_without_slots_to(Options& options);
  [[nodiscard]] inference::DeviceWanted wanted() const;
};

/// The library that a model would be run with, or why there is none.
struct NpuLibrary {
  std::filesystem::path path;
  std::string mesa;    ///< "26.1.6-1"; may be ""
  std::string reason;  ///< empty: there is one
};
/// A library that was named is taken whatever else is there; else the machine needs an accel node
/// of the driver rocket that this user may open, and a libteflon.so of its own processor.
[[nodiscard]] NpuLibrary find_npu_library(const NpuOptions& options);

/// Finds the NPU, proves the model on it in a child process, and starts a worker process for each
/// slot. The factory must live as long as its slots. `on_proof` is told of each proof.
[[nodiscard]] inference::NpuFactory make_npu_factory(
    const NpuOptions& options, std::function<void(const ProofResult&)> on_proof = {});

}  // namespace gantry::cli
