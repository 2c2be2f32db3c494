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

/// How the proof of a model on the NPU ended: its results against the CPU's, at load.
enum class Proof : std::uint8_t { none, passed, failed };
[[nodiscard]] std::string_view proof_name(Proof proof) noexcept;

/// What was found out about a model and this machine's NPU when the model was loaded. What is not
/// known is empty or 0; a LoadedModel's report counts all operators as the CPU's where none was
/// placed.
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
  std::vector<std::unique_ptr<dispatch::ExecutionSlot>> slots;  ///< none with a report.reason
};

/// Looks for the NPU, proves `model` on it and makes `slots` slots there. What stands in the way is
/// no error but the report's reason: the caller decides what becomes of the model.
using NpuFactory = std::function<NpuSlots(const model_file::ModelFile& model, std::size_t slots)>;

}  // namespace gantry::backend
