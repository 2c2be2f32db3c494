// A delegate library for tests, with the entry points of TensorFlow Lite's external delegates. It
// takes every operator that it is shown and computes it with TensorFlow Lite's own kernels, so that
// its results are right and what it was given can be told from outside.
//
// The environment variable GANTRY_FAKE_FAULT names a file; the word in it says what goes wrong,
// from the next call on: "absent" (no delegate is made), "crash" and "hang" (in the next invoke),
// "stale" (an invoke leaves its last result), "wrong N" (the output of operator N of the model is
// wrong), "drift N" (every seventh element that a partition gives is N steps too high), "shift N"
// (every one is), "error" (an invoke fails). No file, or an empty one: nothing does.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "tensorflow/lite/core/c/common.h"

namespace {

struct Fault {
  std::string kind;
  int number = -1;  ///< an operator's index, or steps
};
Fault fault() {
  Fault now;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
  if (const char* const file = std::getenv("GANTRY_FAKE_FAULT"); file != nullptr) {
    std::ifstream(file) >> now.kind >> now.number;
  }
  return now;
}

/// The operators of one partition, in the order of execution.
struct Kernel {
  /// Copies, since TensorFlow Lite moves its nodes when it adds the next partition's.
  struct Part {
    int index;
    TfLiteNode node;
    TfLiteRegistration registration;
  };
  std::vector<Part> parts;
  std::vector<std::vector<char>> last_outputs;
};

std::span<const int> values(const TfLiteIntArray* array) {
  return array == nullptr ? std::span<const int>{}
                          : std::span(array->data, static_cast<std::size_t>(array->size));
}

void* init(TfLiteContext* context, const char* buffer, std::size_t /*size*/) {
  const auto& params = *reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  auto* const kernel = new Kernel;  // TensorFlow Lite keeps it as a void*, until free_kernel
  for (const int index : values(params.nodes_to_replace)) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    context->GetNodeAndRegistration(context, index, &node, &registration);
    kernel->parts.push_back({.index = index, .node = *node, .registration = *registration});
    kernel->parts.back().node.temporaries = TfLiteIntArrayCreate(0);  // the original keeps its own
  }
  return kernel;
}

void free_kernel(TfLiteContext* /*context*/, void* data) {
  auto* const kernel = static_cast<Kernel*>(data);
  for (const Kernel::Part& part : kernel->parts) {
    TfLiteIntArrayFree(part.node.temporaries);
  }
  delete kernel;
}

TfLiteStatus prepare_kernel(TfLiteContext* context, TfLiteNode* node) {
  // What lies between the operators belongs to nobody any more: as temporaries of ours it gets
  // memory again.
  std::vector<int> inner;
  for (Kernel::Part& part : static_cast<Kernel*>(node->user_data)->parts) {
    if (part.registration.prepare != nullptr) {
      if (const auto status = part.registration.prepare(context, &part.node); status != kTfLiteOk) {
        return status;
      }
    }
    for (const TfLiteIntArray* const tensors : {part.node.outputs, part.node.temporaries}) {
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

void spoil(TfLiteContext* context, const TfLiteNode* node) {
  constexpr std::size_t every = 7;
  constexpr std::uint8_t flipped = 0x40;
  for (const int tensor : values(node->outputs)) {
    const TfLiteTensor& output = context->tensors[tensor];
    for (std::size_t i = 0; i < output.bytes; i += every) {
      output.data.uint8[i] ^= flipped;
    }
  }
}

/// Raises every `every`-th element of a partition's uint8 results.
void raise(TfLiteContext* context, const TfLiteNode* node, int steps, std::size_t every) {
  for (const int tensor : values(node->outputs)) {
    const TfLiteTensor& output = context->tensors[tensor];
    for (std::size_t i = 0; i < output.bytes; i += every) {
      std::uint8_t& element = output.data.uint8[i];
      element = static_cast<std::uint8_t>(std::min(255, element + steps));
    }
  }
}

TfLiteStatus compute(TfLiteContext* context, Kernel& kernel, const Fault& now) {
  for (Kernel::Part& part : kernel.parts) {
    if (const auto status = part.registration.invoke(context, &part.node); status != kTfLiteOk) {
      return status;
    }
    if (now.kind == "wrong" && now.number == part.index) {
      spoil(context, &part.node);
    }
  }
  return kTfLiteOk;
}

TfLiteStatus invoke_kernel(TfLiteContext* context, TfLiteNode* node) {
  auto& kernel = *static_cast<Kernel*>(node->user_data);
  const Fault now = fault();
  if (now.kind == "crash") {
    // A sanitizer would make an exit of it.
    std::signal(SIGSEGV, SIG_DFL);  // NOLINT(concurrency-mt-unsafe): the end
    std::raise(SIGSEGV);            // NOLINT(concurrency-mt-unsafe)
  }
  while (now.kind == "hang") {
    ::pause();
  }
  if (now.kind == "error") {
    return kTfLiteError;
  }
  const bool is_stale = now.kind == "stale" && !kernel.last_outputs.empty();
  if (!is_stale) {
    if (const auto status = compute(context, kernel, now); status != kTfLiteOk) {
      return status;
    }
    if (now.kind == "drift" || now.kind == "shift") {
      raise(context, node, now.number, now.kind == "drift" ? 7 : 1);
    }
    kernel.last_outputs.clear();
  }
  std::size_t at = 0;
  for (const int tensor : values(node->outputs)) {
    const TfLiteTensor& output = context->tensors[tensor];
    if (is_stale) {
      std::memcpy(output.data.raw, kernel.last_outputs[at++].data(), output.bytes);
    } else {
      kernel.last_outputs.emplace_back(output.data.raw, output.data.raw + output.bytes);
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
                                              void (*report_error)(const char*)) {
  if (fault().kind == "absent") {
    report_error("there is no device");
    return nullptr;
  }
  auto* const delegate = new TfLiteDelegate(TfLiteDelegateCreate());
  delegate->Prepare = prepare;
  // Then the operators are not prepared before they are ours, which would leave their temporary
  // tensors to nodes that never run.
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return delegate;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { delete delegate; }

}  // extern "C"
