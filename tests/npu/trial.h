#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "gantry/base/error.h"
#include "gantry/npu/guard.h"
#include "gantry/tflite/delegate.h"
#include "tensorflow/lite/schema/schema_generated.h"

// Made-up graphs on the CPU and through Mesa's delegate, for the programs beside this file.
namespace gantry::npu_test {

struct TrialOptions {
  bool is_guarded = true;                    ///< else the delegate is shown every operator
  std::span<const std::int32_t> parameters;  ///< for inputs of int32
};

struct Trial {
  double largest = 0;  ///< difference: steps of quantised outputs, values of others
  std::size_t delegated = 0;
  npu::Guarded guarded;
};

/// Like the NPU, whose scales have 15 bits where the CPU's have 31: a step a layer, and rarely two.
inline constexpr double most_steps = 2;

/// Runs the graph through the delegate and on the CPU, each twice: what the first run left behind
/// may be what the second reads. Whatever Mesa does happens to this process.
/// Errors: those of TensorFlow Lite, and of the guard if it was asked for.
[[nodiscard]] Result<Trial> try_graph(const std::filesystem::path& library,
                                      const std::shared_ptr<const tflite::Delegate>& delegate,
                                      const ::tflite::ModelT& object,
                                      const TrialOptions& options = {});

/// What main() does with all that is in `run`, also where that throws. Returns the exit code.
int run_program(const char* name, int (*run)(std::span<char*> words),
                std::span<char*> words) noexcept;

}  // namespace gantry::npu_test
