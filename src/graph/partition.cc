#include "gantry/graph/partition.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <utility>

namespace gantry::graph {
namespace {

using Ready = std::priority_queue<std::int32_t, std::vector<std::int32_t>, std::greater<>>;

/// Distinct tensors that a partition reads and others wrote, and that it writes and others read.
void find_ends(const Graph& graph, const Links& links,
               const std::vector<std::int32_t>& partition_of, std::int32_t own, Partition& out) {
  const auto is_inside = [&](std::int32_t op) {
    return op >= 0 && partition_of[static_cast<std::size_t>(op)] == own;
  };
  for (const std::int32_t index : out.operators) {
    const Operator& op = graph.operators[static_cast<std::size_t>(index)];
    for (const std::int32_t tensor : op.inputs) {
      if (tensor >= 0 && !graph.tensors[static_cast<std::size_t>(tensor)].constant &&
          !is_inside(links.producer[static_cast<std::size_t>(tensor)])) {
        out.inputs.push_back(tensor);
      }
    }
    for (const std::int32_t tensor : op.outputs) {
      if (tensor >= 0 &&
          (links.is_output[static_cast<std::size_t>(tensor)] ||
           !std::ranges::all_of(links.consumers[static_cast<std::size_t>(tensor)], is_inside))) {
        out.outputs.push_back(tensor);
      }
    }
  }
  for (auto* const tensors : {&out.inputs, &out.outputs}) {
    std::ranges::sort(*tensors);
    const auto repeated = std::ranges::unique(*tensors);
    tensors->erase(repeated.begin(), repeated.end());
  }
}

}  // namespace

std::vector<Partition> partition(const Graph& graph, const Links& links,
                                 const std::vector<bool>& taken) {
  const std::size_t count = graph.operators.size();
  // Inputs of each operator that are still to be computed, once for each use.
  std::vector<std::size_t> missing(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::int32_t tensor : graph.operators[i].inputs) {
      const std::int32_t producer =
          tensor < 0 ? -1 : links.producer[static_cast<std::size_t>(tensor)];
      // A tensor that is written again further on was there before: no reason to wait.
      missing[i] += producer >= 0 && std::cmp_less(producer, i) ? 1U : 0U;
    }
  }
  std::array<Ready, 2> ready;  // not taken, taken
  const auto make_ready = [&](std::size_t i) {
    ready.at(taken[i] ? 1 : 0).push(static_cast<std::int32_t>(i));
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) {
      make_ready(i);
    }
  }
  std::vector<Partition> partitions;
  std::vector<std::int32_t> partition_of(count, -1);
  while (!ready[0].empty() || !ready[1].empty()) {
    // The first operator that is ready says of which kind the next subset is; it then grows by
    // whatever of that kind becomes ready.
    const bool is_taken =
        ready[0].empty() || (!ready[1].empty() && ready[1].top() < ready[0].top());
    Ready& queue = ready.at(is_taken ? 1 : 0);
    Partition subset;
    while (!queue.empty()) {
      const std::int32_t index = queue.top();
      queue.pop();
      subset.operators.push_back(index);
      for (const std::int32_t tensor : graph.operators[static_cast<std::size_t>(index)].outputs) {
        if (tensor < 0 || links.producer[static_cast<std::size_t>(tensor)] != index) {
          continue;
        }
        for (const std::int32_t consumer : links.consumers[static_cast<std::size_t>(tensor)]) {
          if (consumer > index && --missing[static_cast<std::size_t>(consumer)] == 0) {
            make_ready(static_cast<std::size_t>(consumer));
          }
        }
      }
    }
    if (is_taken) {
      for (const std::int32_t index : subset.operators) {
        partition_of[static_cast<std::size_t>(index)] =
            static_cast<std::int32_t>(partitions.size());
      }
      partitions.push_back(std::move(subset));
    }
  }
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    find_ends(graph, links, partition_of, static_cast<std::int32_t>(i), partitions[i]);
  }
  return partitions;
}

}  // namespace gantry::graph
