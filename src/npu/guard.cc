#include "gantry/npu/guard.h"

#include <algorithm>
#include <utility>

namespace gantry::npu {

bool Guarded::any() const { return std::ranges::find(offered, true) != offered.end(); }

std::vector<bool> Guarded::offered_among(const std::vector<bool>& these) const {
  return npu::offered(classify(graph, classification.mesa, these));
}

std::vector<bool> offered(const Classification& classification) {
  std::vector<bool> out;
  out.reserve(classification.operators.size());
  for (const Placement& placement : classification.operators) {
    out.push_back(placement.guarded == Verdict::npu);
  }
  return out;
}

Result<Guarded> guard(std::span<const std::byte> model, MesaVersion mesa) {
  auto graph = graph::read_graph(model);
  if (!graph) {
    return std::unexpected(std::move(graph).error());
  }
  Guarded guarded{.graph = *std::move(graph), .classification = {}, .offered = {}};
  guarded.classification = classify(guarded.graph, mesa);
  guarded.offered = npu::offered(guarded.classification);
  return guarded;
}

Result<Guarded> guard(std::span<const std::byte> model, const std::filesystem::path& library) {
  return guard(model, mesa_version_of(library));
}

}  // namespace gantry::npu
