#pragma once

#include <xnnpack.h>

#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/graph/graph.h"
#include "library.h"

namespace gantry::xnnpack {

/// Copies of constants with room at their end, since kernels read some bytes past the end of an
/// operand. There is one copy for each constant that needs it, for all sessions. Threads:
/// thread-safe.
class PaddedConstants {
 public:
  /// Valid as long as this object.
  const void* get(std::int32_t index, const graph::Tensor& tensor);

 private:
  std::mutex mutex_;
  std::unordered_map<std::int32_t, std::vector<std::byte>> copies_;
};

struct FreeSubgraph {
  const Library* library;
  void operator()(xnn_subgraph_t subgraph) const { library->xnn_delete_subgraph(subgraph); }
};
using Subgraph = std::unique_ptr<xnn_subgraph, FreeSubgraph>;

/// Builds XNNPACK's subgraph for a partition that choose() took. The partition's inputs are the
/// external values 0, 1, …; its outputs follow.
/// Errors: unimplemented naming the operator that the library refused.
[[nodiscard]] Result<Subgraph> build_subgraph(const Library& library, const graph::Graph& graph,
                                              std::span<const std::int32_t> operators,
                                              std::span<const std::int32_t> inputs,
                                              std::span<const std::int32_t> outputs,
                                              PaddedConstants& constants);

}  // namespace gantry::xnnpack
