#include "kernel_delegate.h"

#include <utility>

namespace gantry::tflite {
namespace {

std::span<const int> values(const TfLiteIntArray* array) {
  return {array->data, static_cast<std::size_t>(array->size)};
}

const TfLiteTensor& tensor(const TfLiteContext* context, std::int32_t index) {
  return context->tensors[index];
}

std::vector<std::size_t> sizes(const TfLiteContext* context,
                               const std::vector<std::int32_t>& tensors) {
  std::vector<std::size_t> bytes;
  bytes.reserve(tensors.size());
  for (const std::int32_t index : tensors) {
    bytes.push_back(tensor(context, index).bytes);
  }
  return bytes;
}

TfLiteStatus report(TfLiteContext* context, const Error& error) {
  context->ReportError(context, "%s", error.message.c_str());
  return kTfLiteError;
}

}  // namespace

/// A partition in the interpreter. `inputs` and `outputs` are filled by every invoke, and keep
/// their memory between them.
struct KernelDelegate::Node {
  KernelPartition partition;
  Result<std::unique_ptr<Kernel>> kernel;
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
};

KernelDelegate::KernelDelegate(std::string name, MakeKernel make)
    : name_(std::move(name)), make_(std::move(make)) {
  delegate_.data_ = this;
  delegate_.Prepare = prepare_delegate;
}

TfLiteStatus KernelDelegate::prepare_delegate(TfLiteContext* context, TfLiteDelegate* delegate) {
  const auto& self = *static_cast<KernelDelegate*>(delegate->data_);
  TfLiteIntArray* plan = nullptr;
  if (const TfLiteStatus status = context->GetExecutionPlan(context, &plan); status != kTfLiteOk) {
    return status;
  }
  TfLiteRegistration registration{};
  registration.init = init;
  registration.free = [](TfLiteContext* /*context*/, void* buffer) {
    const std::unique_ptr<Node> ends(static_cast<Node*>(buffer));
  };
  registration.prepare = prepare;
  registration.invoke = invoke;
  registration.custom_name = self.name_.c_str();
  registration.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(context, registration, plan, delegate);
}

void* KernelDelegate::init(TfLiteContext* context, const char* buffer, std::size_t /*length*/) {
  const auto& params = *reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  const auto& self = *static_cast<KernelDelegate*>(params.delegate->data_);
  KernelPartition partition;
  const auto nodes = values(params.nodes_to_replace);
  partition.operators.assign(nodes.begin(), nodes.end());
  for (const int index : values(params.input_tensors)) {
    if (index >= 0 && tensor(context, index).allocation_type != kTfLiteMmapRo) {
      partition.inputs.push_back(index);
    }
  }
  for (const int index : values(params.output_tensors)) {
    if (index >= 0) {
      partition.outputs.push_back(index);
    }
  }
  auto kernel = self.make_(partition);
  auto node = std::make_unique<Node>(std::move(partition), std::move(kernel));
  node->inputs.resize(node->partition.inputs.size());
  node->outputs.resize(node->partition.outputs.size());
  return node.release();  // free gives it back
}

TfLiteStatus KernelDelegate::prepare(TfLiteContext* context, TfLiteNode* node) {
  auto& self = *static_cast<Node*>(node->user_data);
  if (!self.kernel) {
    return report(context, self.kernel.error());
  }
  const auto prepared =
      (*self.kernel)
          ->prepare(sizes(context, self.partition.inputs), sizes(context, self.partition.outputs));
  return prepared ? kTfLiteOk : report(context, prepared.error());
}

TfLiteStatus KernelDelegate::invoke(TfLiteContext* context, TfLiteNode* node) {
  auto& self = *static_cast<Node*>(node->user_data);
  for (std::size_t i = 0; i < self.inputs.size(); ++i) {
    const TfLiteTensor& input = tensor(context, self.partition.inputs[i]);
    self.inputs[i] = {static_cast<const std::byte*>(input.data.data), input.bytes};
  }
  for (std::size_t i = 0; i < self.outputs.size(); ++i) {
    const TfLiteTensor& output = tensor(context, self.partition.outputs[i]);
    self.outputs[i] = {static_cast<std::byte*>(output.data.data), output.bytes};
  }
  const auto invoked = (*self.kernel)->invoke(self.inputs, self.outputs);
  return invoked ? kTfLiteOk : report(context, invoked.error());
}

}  // namespace gantry::tflite
