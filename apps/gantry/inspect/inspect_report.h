#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/model_file/model_info.h"
#include "gantry/npu/cost.h"
#include "gantry/npu/mesa.h"
#include "gantry/npu/rules.h"
#include "gantry/xnnpack/rules.h"

namespace gantry::cli {

/// How well the NPU serves a model, with a guard around the delegate.
enum class Fit : std::uint8_t {
  well,    ///< at least nine tenths of the multiplications, in few partitions
  partly,  ///< at least half of the multiplications
  no,      ///< less
};

/// A rule, and the operators that it keeps off the NPU.
struct Obstacle {
  const npu::Rule* rule = nullptr;
  std::size_t operators = 0;  ///< operators for which it is the first reason
  std::uint64_t macs = 0;     ///< multiplications of these operators
};

/// The results of `gantry inspect`.
struct InspectReport {
  std::string model;
  model_file::ModelInfo info;
  npu::Graph graph;
  npu::Classification classification;
  npu::Cost cost;
  xnnpack::Choice xnnpack;  ///< what XNNPACK computes if the model runs on the CPU
  /// The library that the version comes from, if it does.
  std::optional<npu::InstalledMesa> installed;
  bool mesa_named = false;  ///< the version comes from --mesa

  [[nodiscard]] Fit fit() const noexcept;
  /// What keeps operators off the NPU, the most multiplications first.
  [[nodiscard]] std::vector<Obstacle> obstacles() const;
  /// The number of operators with this verdict: npu, or the reason why they run on the CPU.
  [[nodiscard]] std::size_t count(npu::Verdict guarded) const noexcept;
  /// The fit as a sentence: "runs well on the NPU …".
  [[nodiscard]] std::string verdict_text() const;
  /// Where the Mesa version comes from.
  [[nodiscard]] std::string mesa_text() const;
  /// What the delegate would do with the whole model without the guard.
  [[nodiscard]] std::string alone_text() const;
};

/// Where an operator runs, and what the NPU would make of it: "CPU: NPU wrong".
[[nodiscard]] std::string_view place_of(npu::Verdict guarded);
/// The shape of an operator's first output, "-" if it has none.
[[nodiscard]] std::string output_shape(const npu::Graph& graph, const npu::Operator& op);
/// "568.7 M".
[[nodiscard]] std::string human_count(std::uint64_t count);

[[nodiscard]] std::string to_text(const InspectReport& report);
[[nodiscard]] std::string to_json(const InspectReport& report);
/// One HTML page without external files: the graph, coloured by the place where each operator runs.
[[nodiscard]] std::string to_html(const InspectReport& report);

}  // namespace gantry::cli
