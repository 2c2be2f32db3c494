#include "gantry/npu/cost.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "cbuf.h"
#include "site.h"

namespace gantry::npu {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

std::uint64_t times(std::uint64_t a, std::int64_t b) noexcept {
  const std::uint64_t factor = b < 0 ? 0 : static_cast<std::uint64_t>(b);
  return factor != 0 && a > most / factor ? most : a * factor;
}
std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
  return a > most - b ? most : a + b;
}

const Tensor* tensor_of(const Graph& graph, const std::vector<std::int32_t>& indices,
                        std::size_t i) {
  return i < indices.size() && indices[i] >= 0
             ? &graph.tensors[static_cast<std::size_t>(indices[i])]
             : nullptr;
}

std::uint64_t elements(const Tensor& tensor) noexcept {
  return element_count(tensor.shape).value_or(0);
}

/// Whatever it is quantised to, the NPU takes and gives bytes.
std::uint64_t bytes_of(const Graph& graph, const std::vector<std::int32_t>& tensors) {
  std::uint64_t bytes = 0;
  for (const std::int32_t index : tensors) {
    const Tensor& tensor = graph.tensors[static_cast<std::size_t>(index)];
    bytes =
        plus(bytes, times(elements(tensor), static_cast<std::int64_t>(dtype_size(tensor.dtype))));
  }
  return bytes;
}

/// The share of the 32×32 multipliers that a layer keeps busy.
double use_of(const ConvShape& shape, const TimeModel& model) {
  constexpr double side = 32;
  if (shape.depthwise) {
    return model.depthwise_use;
  }
  const double in = std::clamp(static_cast<double>(shape.channels), 1.0, side);
  const double out = std::clamp(static_cast<double>(shape.out_channels), 1.0, side);
  return in / side * (out / side);
}

double operator_us(const Graph& graph, const Operator& op, std::uint64_t macs, std::size_t tasks,
                   const TimeModel& model) {
  constexpr double us = 1e6;
  const auto shape = conv_shape(graph, op);
  if (!shape) {
    return 0;  // an addition: part of its convolution
  }
  const double compute =
      static_cast<double>(macs) / (model.macs_per_cycle * use_of(*shape, model) * model.clock_hz);
  std::uint64_t bytes = 0;
  for (const Tensor* const tensor : {tensor_of(graph, op.inputs, 0), tensor_of(graph, op.inputs, 1),
                                     tensor_of(graph, op.outputs, 0)}) {
    bytes = plus(bytes, elements(*tensor));  // conv_shape saw all three
  }
  const double memory = static_cast<double>(bytes) / model.bytes_per_second;
  return (std::max(compute, memory) * us) + (static_cast<double>(tasks) * model.task_us);
}

}  // namespace

std::uint64_t macs_of(const Graph& graph, const Operator& op) {
  const Tensor* const weights = tensor_of(graph, op.inputs, 1);
  const Tensor* const output = tensor_of(graph, op.outputs, 0);
  if (const auto shape = conv_shape(graph, op)) {
    std::uint64_t macs = elements(*output);
    macs = times(macs, shape->kernel_height);
    macs = times(macs, shape->kernel_width);
    return shape->depthwise ? macs : times(macs, shape->filter_channels);
  }
  if (weights == nullptr || output == nullptr) {
    return 0;
  }
  if (op.op == Op::fully_connected && !weights->shape.empty()) {
    return times(elements(*output), weights->shape.back());
  }
  if (op.op == Op::batch_matmul) {
    const Tensor* const input = tensor_of(graph, op.inputs, 0);
    return input == nullptr || input->shape.empty() ? 0
                                                    : times(elements(*output), input->shape.back());
  }
  if (op.op == Op::transpose_conv) {
    // Shape, weights [out,height,width,in], input: every input pixel meets the whole filter.
    const Tensor* const input = tensor_of(graph, op.inputs, 2);
    return input == nullptr || input->shape.size() != 4 || weights->shape.size() != 4
               ? 0
               : times(times(times(elements(*input), weights->shape[0]), weights->shape[1]),
                       weights->shape[2]);
  }
  return 0;
}

std::size_t task_count(const Graph& graph, const Operator& op) {
  const auto shape = conv_shape(graph, op);
  return shape ? plan_cbuf(*shape).tasks : 1;
}

Cost cost_of(const Graph& graph, const Classification& classification, const TimeModel& model) {
  constexpr double ms_per_us = 1e-3;
  constexpr double us_per_ns = 1e-3;
  Cost cost;
  cost.macs.reserve(graph.operators.size());
  for (const Operator& op : graph.operators) {
    cost.macs.push_back(macs_of(graph, op));
    cost.total_macs = plus(cost.total_macs, cost.macs.back());
  }
  for (const Partition& partition : classification.guarded) {
    PartitionCost part;
    part.bytes_in = bytes_of(graph, partition.inputs);
    part.bytes_out = bytes_of(graph, partition.outputs);
    double us = model.partition_us + (static_cast<double>(part.bytes_in + part.bytes_out) *
                                      model.border_ns_per_byte * us_per_ns);
    for (const std::int32_t index : partition.operators) {
      const Operator& op = graph.operators[static_cast<std::size_t>(index)];
      const std::uint64_t macs = cost.macs[static_cast<std::size_t>(index)];
      const std::size_t tasks = op.op == Op::add ? 0 : task_count(graph, op);
      part.macs = plus(part.macs, macs);
      part.tasks += tasks;
      us += operator_us(graph, op, macs, tasks, model);
    }
    part.ms = us * ms_per_us;
    cost.npu.macs = plus(cost.npu.macs, part.macs);
    cost.npu.bytes_in = plus(cost.npu.bytes_in, part.bytes_in);
    cost.npu.bytes_out = plus(cost.npu.bytes_out, part.bytes_out);
    cost.npu.tasks += part.tasks;
    cost.npu.ms += part.ms;
    cost.partitions.push_back(part);
  }
  cost.npu_macs = cost.npu.macs;
  return cost;
}

}  // namespace gantry::npu
