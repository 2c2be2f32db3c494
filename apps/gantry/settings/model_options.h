#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/backend/trial.h"
#include "gantry/base/cpu.h"
#include "gantry/base/error.h"
#include "gantry/cli/options.h"
#include "gantry/image/decode.h"
#include "gantry/inference/loaded_model.h"

namespace gantry::cli {

/// The settings about a model that `serve` and `run` share.
struct ModelOptions {
  std::filesystem::path model;
  std::string name;  ///< for a model of the zoo; empty: the name of the file
  std::filesystem::path models_dir;
  std::filesystem::path labels;
  std::vector<float> mean;
  std::vector<float> stddev;
  bool no_orientation = false;
  bool dct_scaling = false;
  enum class Cpus : std::uint8_t { big, all, listed } cpus = Cpus::big;
  CpuList cpu_list;  ///< with Cpus::listed
  backend::CpuBackendWanted cpu_backend = backend::CpuBackendWanted::automatic;
  bool no_trial = false;
  std::chrono::milliseconds trial_timeout{30'000};
  std::int64_t max_pixels = image::DecodeLimits{}.max_pixels;
  std::int32_t max_side = image::DecodeLimits{}.max_side;

  void add_to(Options& options);
  /// Adds --model.
  void add_model_to(Options& options, const std::string& help);
  /// Replaces the name of an installed model in `model` by that model's file, and an empty `model`
  /// by the built-in model's file. Prints the reason and answers an exit code if `model` names a
  /// model of the zoo that is not installed, or if the built-in model is missing.
  [[nodiscard]] std::optional<Exit> resolve(std::string_view command);
  /// Adds only --cpus, --cpu-backend, --no-trial and --trial-timeout.
  void add_trial_to(Options& options);
  /// Binds this thread, and the threads and processes that it starts later, as --cpus says. Call it
  /// before anything counts cores. If it is impossible, prints the reason and answers an exit code.
  [[nodiscard]] std::optional<Exit> bind(std::string_view command) const;
  [[nodiscard]] inference::ModelConfig config() const;
  /// Empty with --no-trial.
  [[nodiscard]] backend::Trial trial() const;
};

/// Whether the file's first bytes or its name show a TensorFlow Lite model. If there is no such
/// file: whether a model has that name.
[[nodiscard]] bool looks_like_model(const std::string& word,
                                    const std::filesystem::path& models_dir);

/// What a person can do about a model that did not load.
[[nodiscard]] std::string model_next_step(const Error& error);

}  // namespace gantry::cli
