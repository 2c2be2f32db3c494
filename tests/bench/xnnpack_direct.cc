#include "xnnpack_direct.h"

#include <xnnpack.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::bench {

struct Direct::Impl {
  xnn_subgraph_t subgraph = nullptr;
  xnn_runtime_t runtime = nullptr;
  pthreadpool_t pool = nullptr;
  std::vector<std::byte> input;
  std::vector<std::byte> output;

  ~Impl() {
    xnn_delete_runtime(runtime);
    xnn_delete_subgraph(subgraph);
    pthreadpool_destroy(pool);
  }
};

namespace {

constexpr std::uint32_t none = XNN_INVALID_VALUE_ID;

class Network {
 public:
  Network(const ::tflite::Model& model, xnn_subgraph_t subgraph)
      : model_(model), graph_(*model.subgraphs()->Get(0)), subgraph_(subgraph) {}

  std::uint32_t tensor(std::int32_t index, std::uint32_t external = none, std::uint32_t flags = 0) {
    if (const auto known = ids_.find(index); known != ids_.end()) {
      return known->second;
    }
    const ::tflite::Tensor& from = *graph_.tensors()->Get(static_cast<std::uint32_t>(index));
    std::vector<std::size_t> dims(from.shape()->begin(), from.shape()->end());
    const auto* const data = model_.buffers()->Get(from.buffer())->data();
    const bool is_bias = from.type() == ::tflite::TensorType_INT32;
    std::uint32_t id = none;
    const auto* const q = from.quantization();
    xnn_define_quantized_tensor_value(
        subgraph_, is_bias ? xnn_datatype_qint32 : xnn_datatype_quint8,
        is_bias ? 0 : static_cast<std::int32_t>(q->zero_point()->Get(0)), q->scale()->Get(0),
        dims.size(), dims.data(), data == nullptr ? nullptr : data->data(), external, flags, &id);
    return ids_[index] = id;
  }

  /// False: an operator that is not written here.
  bool add(const ::tflite::Operator& op, std::uint32_t out_id) {
    const auto code =
        std::max<int>(model_.operator_codes()->Get(op.opcode_index())->builtin_code(),
                      model_.operator_codes()->Get(op.opcode_index())->deprecated_builtin_code());
    const auto in = [&](std::uint32_t i) { return op.inputs()->Get(i); };
    const auto shape = [&](std::uint32_t i) {
      return graph_.tensors()->Get(static_cast<std::uint32_t>(in(i)))->shape();
    };
    constexpr float low = -std::numeric_limits<float>::infinity();
    constexpr float high = std::numeric_limits<float>::infinity();
    const auto number = [](auto value) { return static_cast<std::uint32_t>(value); };
    if (code == ::tflite::BuiltinOperator_CONV_2D) {
      const auto& options = *op.builtin_options_as_Conv2DOptions();
      const auto* const filter = shape(1);
      return xnn_define_convolution_2d(
                 subgraph_, 0, 0, 0, 0, number(filter->Get(1)), number(filter->Get(2)),
                 number(options.stride_h()), number(options.stride_w()), 1, 1, 1,
                 static_cast<std::size_t>(filter->Get(3)), static_cast<std::size_t>(filter->Get(0)),
                 low, high, tensor(in(0)), tensor(in(1)), tensor(in(2)), out_id,
                 options.padding() == ::tflite::Padding_SAME ? XNN_FLAG_TENSORFLOW_SAME_PADDING
                                                             : 0) == xnn_status_success;
    }
    if (code == ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D) {
      const auto& options = *op.builtin_options_as_DepthwiseConv2DOptions();
      const auto* const filter = shape(1);
      return xnn_define_depthwise_convolution_2d(
                 subgraph_, 0, 0, 0, 0, number(filter->Get(1)), number(filter->Get(2)),
                 number(options.stride_h()), number(options.stride_w()), 1, 1, 1,
                 static_cast<std::size_t>(filter->Get(3)), low, high, tensor(in(0)), tensor(in(1)),
                 tensor(in(2)), out_id,
                 options.padding() == ::tflite::Padding_SAME ? XNN_FLAG_TENSORFLOW_SAME_PADDING
                                                             : 0) == xnn_status_success;
    }
    if (code == ::tflite::BuiltinOperator_ADD) {
      return xnn_define_binary(subgraph_, xnn_binary_add, nullptr, tensor(in(0)), tensor(in(1)),
                               out_id, 0) == xnn_status_success;
    }
    if (code == ::tflite::BuiltinOperator_AVERAGE_POOL_2D) {
      constexpr std::size_t axes[] = {1, 2};
      return xnn_define_static_reduce(subgraph_, xnn_reduce_mean, 2, axes, tensor(in(0)), out_id,
                                      XNN_FLAG_KEEP_DIMS) == xnn_status_success;
    }
    return false;
  }

 private:
  const ::tflite::Model& model_;
  const ::tflite::SubGraph& graph_;
  xnn_subgraph_t subgraph_;
  std::map<std::int32_t, std::uint32_t> ids_;
};

std::size_t bytes_of(const ::tflite::Tensor& tensor) {
  std::size_t bytes = 1;
  for (const std::int32_t extent : *tensor.shape()) {
    bytes *= static_cast<std::size_t>(extent);
  }
  return bytes;
}

}  // namespace

std::unique_ptr<Direct> Direct::make(std::span<const std::byte> bytes, int threads) {
  const ::tflite::Model& model = *::tflite::GetModel(bytes.data());
  const ::tflite::SubGraph& graph = *model.subgraphs()->Get(0);
  const auto& first = *graph.tensors()->Get(static_cast<std::uint32_t>(graph.inputs()->Get(0)));
  if (first.type() != ::tflite::TensorType_UINT8 || xnn_initialize(nullptr) != xnn_status_success) {
    return nullptr;
  }
  // The last operator that is written here: the classifier's convolution.
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < graph.operators()->size(); ++i) {
    const auto type = graph.operators()->Get(i)->builtin_options_type();
    if (type == ::tflite::BuiltinOptions_Conv2DOptions) {
      count = i + 1;
    }
  }
  auto impl = std::make_unique<Impl>();
  xnn_create_subgraph(2, 0, &impl->subgraph);
  Network network(model, impl->subgraph);
  network.tensor(graph.inputs()->Get(0), 0, XNN_VALUE_FLAG_EXTERNAL_INPUT);
  for (std::uint32_t i = 0; i < count; ++i) {
    const ::tflite::Operator& op = *graph.operators()->Get(i);
    const std::int32_t to = op.outputs()->Get(0);
    const bool last = i + 1 == count;
    const std::uint32_t id =
        last ? network.tensor(to, 1, XNN_VALUE_FLAG_EXTERNAL_OUTPUT) : network.tensor(to);
    if (!network.add(op, id)) {
      return nullptr;
    }
    if (last) {
      impl->output.resize(bytes_of(*graph.tensors()->Get(static_cast<std::uint32_t>(to))) +
                          XNN_EXTRA_BYTES);
    }
  }
  impl->input.resize(bytes_of(first) + XNN_EXTRA_BYTES);
  impl->pool = threads > 1 ? pthreadpool_create(static_cast<std::size_t>(threads)) : nullptr;
  const xnn_external_value values[] = {{.id = 0, .data = impl->input.data()},
                                       {.id = 1, .data = impl->output.data()}};
  if (xnn_create_runtime_v2(impl->subgraph, impl->pool, 0, &impl->runtime) != xnn_status_success ||
      xnn_reshape_runtime(impl->runtime) != xnn_status_success ||
      xnn_setup_runtime_v2(impl->runtime, 2, values) != xnn_status_success) {
    return nullptr;
  }
  return std::unique_ptr<Direct>(new Direct(std::move(impl)));
}

Direct::Direct(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Direct::~Direct() = default;
std::span<std::byte> Direct::input() {
  return std::span(impl_->input).first(impl_->input.size() - XNN_EXTRA_BYTES);
}
bool Direct::invoke() { return xnn_invoke_runtime(impl_->runtime) == xnn_status_success; }

}  // namespace gantry::bench
