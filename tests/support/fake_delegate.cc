// A delegate library for tests, with the entry points of TensorFlow Lite's external delegates. It
// takes every operator that it is shown and computes it with TensorFlow Lite's own kernels, so that
// its results are right and what it was given can be told from outside.
#include <cstddef>
#include <span>
#include <vector>

#include "tensorflow/lite/core/c/common.h"

namespace {

/// The operators of one partition, in the order of execution.
struct Kernel {
  struct Part {
    TfLiteNode* node;
    TfLiteRegistration* registration;
  };
  std::vector<Part> parts;
};

std::span<const int> values(const TfLiteIntArray* array) {
  return array == nullptr ? std::span<const int>{}
                          : std::span(array->data, static_cast<std::size_t>(array->size));
}

void* init(TfLiteContext* context, const char* buffer, std::size_t /*size*/) {
  const auto& params = *reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  auto* const kernel = new Kernel;  // TensorFlow Lite keeps it as a void*, until free_kernel
  for (const int index : values(params.nodes_to_replace)) {
    Kernel::Part part{};
    context->GetNodeAndRegistration(context, index, &part.node, &part.registration);
    kernel->parts.push_back(part);
  }
  return kernel;
}

void free_kernel(TfLiteContext* /*context*/, void* kernel) { delete static_cast<Kernel*>(kernel); }

TfLiteStatus prepare_kernel(TfLiteContext* context, TfLiteNode* node) {
  // What lies between the operators belongs to nobody any more: as temporaries of ours it gets
  // memory again.
  std::vector<int> inner;
  for (const Kernel::Part& part : static_cast<Kernel*>(node->user_data)->parts) {
    if (part.registration->prepare != nullptr) {
      if (const auto status = part.registration->prepare(context, part.node); status != kTfLiteOk) {
        return status;
      }
    }
    for (const TfLiteIntArray* const tensors : {part.node->outputs, part.node->temporaries}) {
      for (const int tensor : values(tensors)) {
        bool is_ours = false;
        for (const int output : values(node->outputs)) {
          is_ours = is_ours || output == tensor;
        }
        if (!is_ours) {
          inner.push_back(tensor);
        }
      }
    }
  }
  TfLiteIntArrayFree(node->temporaries);
  node->temporaries = TfLiteIntArrayCreate(static_cast<int>(inner.size()));
  for (std::size_t i = 0; i < inner.size(); ++i) {
    node->temporaries->data[i] = inner[i];
  }
  return kTfLiteOk;
}

TfLiteStatus invoke_kernel(TfLiteContext* context, TfLiteNode* node) {
  for (const Kernel::Part& part : static_cast<Kernel*>(node->user_data)->parts) {
    if (const auto status = part.registration->invoke(context, part.node); status != kTfLiteOk) {
      return status;
    }
  }
  return kTfLiteOk;
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  TfLiteIntArray* plan = nullptr;
  if (const auto status = context->GetExecutionPlan(context, &plan); status != kTfLiteOk) {
    return status;
  }
  TfLiteRegistration registration{};
  registration.init = init;
  registration.free = free_kernel;
  registration.prepare = prepare_kernel;
  registration.invoke = invoke_kernel;
  registration.custom_name = "Fake Delegate";
  registration.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(context, registration, plan, delegate);
}

}  // namespace

extern "C" {

TfLiteDelegate* tflite_plugin_create_delegate(char** /*keys*/, char** /*values*/,
                                              std::size_t /*count*/,
                                              void (* /*report_error*/)(const char*)) {
  auto* const delegate = new TfLiteDelegate(TfLiteDelegateCreate());
  delegate->Prepare = prepare;
  return delegate;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { delete delegate; }

}  // extern "C"
