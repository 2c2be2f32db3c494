#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dispatch/execution_slot.h"
#include "gantry/model_file/model_file.h"

namespace gantry::backend {

/// How the proof at load ended: the NPU's results for a model, compared with the CPU's.
enum class Proof : std::uint8_t { none, passed, failed };
[[nodiscard]] std::string_view proof_name(Proof proof) noexcept;

/// What loading a model showed about the model and this machine's NPU. Unknown members are empty or
/// 0. In a LoadedModel's report, all operators count as the CPU's if none was placed.
struct NpuReport {
  std::string reason = {};  ///< why the model is not on the NPU, a sentence; empty if it is
  Proof proof = Proof::none;
  std::string proof_words = {};  ///< "largest difference 2 steps at 1 partition output"
  std::size_t operators_npu = 0;
  std::size_t operators_cpu = 0;
  std::size_t partitions = 0;
  std::string library = {};  ///< path of libteflon.so
  std::string mesa = {};     ///< "26.1.6-1"
};

struct NpuSlots {
  NpuReport report;
  /// None if there is a report.reason.
  std::vector<std::unique_ptr<dispatch::ExecutionSlot>> slots;
};

/// Looks for the NPU, proves `model` on it and makes `slots` slots there. A failure is not an error
/// but the report's reason: the caller decides where the model runs then.
using NpuFactory = std::function<NpuSlots(const model_file::ModelFile& model, std::size_t slots)>;

}  // namespace gantry::backend
