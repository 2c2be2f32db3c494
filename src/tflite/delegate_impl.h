#pragma once

#include <memory>

#include "gantry/tflite/delegate.h"
#include "kernel_delegate.h"
#include "tensorflow/lite/core/c/common.h"

namespace gantry::tflite {

struct Delegate::Impl {
  using Create = TfLiteDelegate*(char**, char**, size_t, void (*)(const char*));
  using Destroy = void(TfLiteDelegate*);

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  TfLiteDelegate* inner = nullptr;
  Destroy* destroy = nullptr;               // null: `kernels` owns it
  std::unique_ptr<KernelDelegate> kernels;  // null: the delegate is a library's
};

/// Stands between TensorFlow Lite and a delegate, one for each session. It shows the delegate only
/// the offered operators, passes on only those, and records the operators that the delegate took.
class OfferedDelegate {
 public:
  OfferedDelegate(TfLiteDelegate* inner, const Delegation& offer);
  OfferedDelegate(const OfferedDelegate&) = delete;
  OfferedDelegate& operator=(const OfferedDelegate&) = delete;
  ~OfferedDelegate();

  /// Valid as long as this object.
  [[nodiscard]] TfLiteDelegate* get() noexcept { return &outer_; }
  [[nodiscard]] const Delegated& taken() const noexcept { return taken_; }

 private:
  static TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* outer);
  static TfLiteStatus execution_plan(TfLiteContext* context, TfLiteIntArray** plan);
  static TfLiteStatus replace_nodes(TfLiteContext* context, TfLiteRegistration registration,
                                    const TfLiteIntArray* nodes, TfLiteDelegate* delegate);
  [[nodiscard]] bool is_offered(int node) const noexcept;
  /// A new array of those of `nodes` that are offered.
  [[nodiscard]] TfLiteIntArray* only_offered(const TfLiteIntArray& nodes) const;

  TfLiteDelegate* inner_;
  const std::vector<bool> operators_;
  TfLiteDelegate outer_ = TfLiteDelegateCreate();
  TfLiteIntArray* plan_ = nullptr;  // shown to the delegate; valid while it prepares
  Delegated taken_;
  decltype(TfLiteContext::GetExecutionPlan) real_plan_ = nullptr;
  decltype(TfLiteContext::ReplaceNodeSubsetsWithDelegateKernels) real_replace_ = nullptr;
};

}  // namespace gantry::tflite
