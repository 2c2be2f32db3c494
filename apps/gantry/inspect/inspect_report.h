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
  well,    ///< nine tenths of the multiplications, in few partitions
  partly,  ///< a half and more
  no,      ///< less
};

/// A rule, and all that it keeps off the NPU.
struct Obstacle {
  const npu::Rule* rule = nullptr;
  std::size_t operators = 0;  ///< for which it is the first reason
  std::uint64_t macs = 0;     ///< of these
};

/// Everything that `gantry inspect` found out.
struct InspectReport {
  std::string model;
  model_file::ModelInfo info;
  npu::Graph graph;
  npu::Classification classification;
  npu::Cost cost;
  xnnpack::Choice xnnpack;  ///< what XNNPACK computes where the model is on the CPU
  std::optional<npu::InstalledMesa> installed;  ///< if the version came from there
  bool mesa_named = false;                      ///< by --mesa

  [[nodiscard]] Fit fit() const noexcept;
  /// What keeps operators off the NPU, the most multiplications first.
  [[nodiscard]] std::vector<Obstacle> obstacles() const;
  /// Operators by where they run: on the NPU, or the CPU because of a verdict.
  [[nodiscard]] std::size_t count(npu::Verdict guarded) const noexcept;
  /// "runs well on the NPU", in a sentence.
  [[nodiscard]] std::string verdict_text() const;
  /// Where the Mesa version comes from.
  [[nodiscard]] std::string mesa_text() const;
  /// What the delegate alone would do with the whole model.
  [[nodiscard]] std::string alone_text() const;
};

/// The shape of an operator's first output, "-" where it has none.
[[nodiscard]] std::string output_shape(const npu::Graph& graph, const npu::Operator& op);
/// "568.7 M".
[[nodiscard]] std::string human_count(std::uint64_t count);

[[nodiscard]] std::string to_text(const InspectReport& report);
[[nodiscard]] std::string to_json(const InspectReport& report);
/// One page that needs nothing else: the graph, coloured by where each operator runs.
[[nodiscard]] std::string to_html(const InspectReport& report);

}  // namespace gantry::cli
