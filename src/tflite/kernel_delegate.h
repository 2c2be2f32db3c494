#pragma once

#include <string>

#include "gantry/tflite/kernel.h"
#include "tensorflow/lite/core/c/common.h"

namespace gantry::tflite {

/// A TfLiteDelegate with our own kernels for its partitions.
class KernelDelegate {
 public:
  KernelDelegate(std::string name, MakeKernel make);
  KernelDelegate(const KernelDelegate&) = delete;
  KernelDelegate& operator=(const KernelDelegate&) = delete;
  ~KernelDelegate() = default;

  /// Valid as long as this object.
  [[nodiscard]] TfLiteDelegate* get() noexcept { return &delegate_; }

 private:
  struct Node;
  static TfLiteStatus prepare_delegate(TfLiteContext* context, TfLiteDelegate* delegate);
  static void* init(TfLiteContext* context, const char* buffer, std::size_t length);
  static TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node);
  static TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node);

  const std::string name_;
  const MakeKernel make_;
  TfLiteDelegate delegate_ = TfLiteDelegateCreate();
};

}  // namespace gantry::tflite
