#include "gantry/xnnpack/backend.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/tflite/kernel.h"
#include "half.h"
#include "library.h"
#include "subgraph.h"
#include "weights.h"

namespace gantry::xnnpack {

namespace {

/// What the sessions of a model have in common.
struct Parts {
  const Library* library = nullptr;
  Widened model;
  Choice choice;
  PaddedConstants constants;
  Weights weights;
};

struct FreeWorkspace {
  const Library* library;
  void operator()(xnn_workspace_t workspace) const { library->xnn_release_workspace(workspace); }
};
struct FreeRuntime {
  const Library* library;
  void operator()(xnn_runtime_t runtime) const { library->xnn_delete_runtime(runtime); }
};
struct FreePool {
  const Library* library;
  void operator()(pthreadpool_t pool) const { library->pthreadpool_destroy(pool); }
};

/// What the partitions of one session have in common: they run one after another.
struct Common {
  std::unique_ptr<xnn_workspace, FreeWorkspace> workspace;
  std::unique_ptr<pthreadpool, FreePool> pool;  ///< null: the caller's thread alone
};

/// Kernels read up to XNN_EXTRA_BYTES behind a tensor. What is there belongs to somebody, or to
/// nobody and is not even mapped: then the next page begins within those bytes.
bool may_read_behind(const std::byte* end) {
  constexpr std::uintptr_t page = 4096;  // the smallest there is
  const std::uintptr_t last = reinterpret_cast<std::uintptr_t>(end) - 1;
  return last / page == (last + XNN_EXTRA_BYTES) / page;
}

class RuntimeKernel final : public tflite::Kernel {
 public:
  /// What is kept alive beside the runtime.
  struct Owners {
    std::shared_ptr<const void> backend;
    std::shared_ptr<const Common> common;
  };
  RuntimeKernel(const Library& library, Owners owners, std::unique_ptr<Packing> packing,
                std::unique_ptr<xnn_runtime, FreeRuntime> runtime, std::vector<std::size_t> sizes,
                std::size_t inputs)
      : x_(library),
        owners_(std::move(owners)),
        packing_(std::move(packing)),
        runtime_(std::move(runtime)),
        sizes_(std::move(sizes)),
        copies_(inputs),
        externals_(sizes_.size()) {}

  [[nodiscard]] Result<> prepare(std::span<const std::size_t> inputs,
                                 std::span<const std::size_t> outputs) override {
    const auto [end, rest] = std::ranges::mismatch(inputs, sizes_);
    if (end != inputs.end() ||
        !std::ranges::equal(outputs, std::span(sizes_).subspan(inputs.size()))) {
      return fail(Code::failed_precondition,
                  "XNNPACK: a tensor is not of the size that the model states");
    }
    return {};
  }

  [[nodiscard]] Result<> invoke(std::span<const std::span<const std::byte>> inputs,
                                std::span<const std::span<std::byte>> outputs) override {
    bool moved = false;
    const auto place = [&](std::size_t i, const void* at) {
      // The library's structure has no const; inputs are only read.
      void* const data = const_cast<void*>(at);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      moved |= externals_[i].data != data;
      externals_[i] = {.id = static_cast<std::uint32_t>(i), .data = data};
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::byte* from = inputs[i].data();
      if (!may_read_behind(from + inputs[i].size())) {
        copies_[i].resize(inputs[i].size() + XNN_EXTRA_BYTES);
        std::memcpy(copies_[i].data(), from, inputs[i].size());
        from = copies_[i].data();
      }
      place(i, from);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      place(inputs.size() + i, outputs[i].data());
    }
    if (moved && x_.xnn_setup_runtime_v2(runtime_.get(), externals_.size(), externals_.data()) !=
                     xnn_status_success) {
      externals_.assign(externals_.size(), {});
      return fail(Code::internal, "XNNPACK refused the tensors");
    }
    if (x_.xnn_invoke_runtime(runtime_.get()) != xnn_status_success) {
      return fail(Code::unavailable, "XNNPACK failed");
    }
    return {};
  }

 private:
  const Library& x_;
  // Declaration order is the lifetime contract: the runtime is part of the workspace, and reads
  // weights.
  Owners owners_;
  std::unique_ptr<Packing> packing_;
  std::unique_ptr<xnn_runtime, FreeRuntime> runtime_;
  std::vector<std::size_t> sizes_;  ///< in bytes, of the inputs and then the outputs
  std::vector<std::vector<std::byte>> copies_;
  std::vector<xnn_external_value> externals_;
};

std::size_t byte_size(const graph::Tensor& tensor) {
  return element_count(tensor.shape).value_or(0) * dtype_size(tensor.dtype);
}

/// XNNPACK's own idea of how much it will write.
bool has_shape(const Library& library, xnn_runtime_t runtime, std::uint32_t external,
               const graph::Tensor& tensor) {
  std::array<std::size_t, XNN_MAX_TENSOR_DIMS> dims{};
  std::size_t rank = 0;
  if (library.xnn_get_external_value_shape(runtime, external, &rank, dims.data()) !=
      xnn_status_success) {
    return false;
  }
  std::size_t count = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    count *= dims.at(i);
  }
  return count == element_count(tensor.shape);
}

Result<std::unique_ptr<tflite::Kernel>> make_kernel(Parts& backend, RuntimeKernel::Owners owners,
                                                    const tflite::KernelPartition& partition) {
  const Library& x = *backend.library;
  const Common& common = *owners.common;
  auto subgraph = build_subgraph(x, backend.model.graph, partition.operators, partition.inputs,
                                 partition.outputs, backend.constants);
  if (!subgraph) {
    return std::unexpected(subgraph.error());
  }
  auto packing = std::make_unique<Packing>(backend.weights, partition.operators.front());
  xnn_runtime_t made = nullptr;
  // Tables of addresses are made in each invoke and not kept: they would be the largest part of
  // what a second session needs.
  if (const xnn_status status =
          x.xnn_create_runtime_v4(subgraph->get(), packing->get(), common.workspace.get(),
                                  common.pool.get(), XNN_FLAG_TRANSIENT_INDIRECTION_BUFFER, &made);
      status != xnn_status_success) {
    return fail(Code::unimplemented,
                format_text("XNNPACK refused the graph (status {})", std::to_underlying(status)));
  }
  std::unique_ptr<xnn_runtime, FreeRuntime> runtime(made, {.library = &x});
  if (const xnn_status status = x.xnn_reshape_runtime(made); status != xnn_status_success) {
    return fail(Code::unimplemented, format_text("XNNPACK refused the graph's shapes (status {})",
                                                 std::to_underlying(status)));
  }
  std::vector<std::size_t> sizes;
  for (const std::int32_t index : partition.inputs) {
    sizes.push_back(byte_size(backend.model.graph.tensors[static_cast<std::size_t>(index)]));
  }
  for (const std::int32_t index : partition.outputs) {
    const auto& tensor = backend.model.graph.tensors[static_cast<std::size_t>(index)];
    if (!has_shape(x, made, static_cast<std::uint32_t>(sizes.size()), tensor)) {
      return fail(Code::unimplemented,
                  format_text("XNNPACK gives tensor {} another shape than the model", index));
    }
    sizes.push_back(byte_size(tensor));
  }
  return std::make_unique<RuntimeKernel>(x, std::move(owners), std::move(packing),
                                         std::move(runtime), std::move(sizes),
                                         partition.inputs.size());
}

}  // namespace

struct Backend::Impl : Parts {};

Result<std::shared_ptr<Backend>> Backend::create(graph::Graph graph,
                                                 const std::vector<bool>& offered) {
  const auto library = Library::get();
  if (!library) {
    return std::unexpected(library.error());
  }
  auto impl = std::make_shared<Impl>();
  impl->library = *library;
  impl->model = widen(std::move(graph));
  impl->choice = choose(impl->model, offered);
  return std::shared_ptr<Backend>(new Backend(std::move(impl)));
}

Backend::Backend(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Backend::~Backend() = default;

const Choice& Backend::choice() const noexcept { return impl_->choice; }
std::size_t Backend::packed_bytes() const { return impl_->weights.bytes(); }

tflite::Delegation Backend::delegation(int threads) const {
  const Library& x = *impl_->library;
  auto common = std::make_shared<Common>(Common{
      .workspace = {nullptr, {.library = &x}},
      .pool = {threads > 1 ? x.pthreadpool_create(static_cast<std::size_t>(threads)) : nullptr,
               {.library = &x}},
  });
  xnn_workspace_t workspace = nullptr;
  if (x.xnn_create_workspace(&workspace) == xnn_status_success) {
    common->workspace.reset(workspace);
  }
  auto make =
      [impl = impl_, common = std::move(common)](
          const tflite::KernelPartition& partition) -> Result<std::unique_ptr<tflite::Kernel>> {
    if (common->workspace == nullptr) {
      return fail(Code::resource_exhausted, "XNNPACK made no workspace");
    }
    return make_kernel(*impl, {.backend = impl, .common = common}, partition);
  };
  return {.delegate = tflite::Delegate::of_kernels(std::string(delegate_name), std::move(make)),
          .operators = impl_->choice.taken()};
}

}  // namespace gantry::xnnpack
