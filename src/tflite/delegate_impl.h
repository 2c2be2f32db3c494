#pragma once

#include "gantry/tflite/delegate.h"
#include "tensorflow/lite/core/c/common.h"

namespace gantry::tflite {

/// What TensorFlow Lite is given: a delegate of ours that hands on to the library's, and stands
/// between the two where the library must not be believed.
struct Delegate::Impl {
  using Create = TfLiteDelegate*(char**, char**, size_t, void (*)(const char*));
  using Destroy = void(TfLiteDelegate*);

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  TfLiteDelegate* inner = nullptr;
  Destroy* destroy = nullptr;
  TfLiteDelegate outer = TfLiteDelegateCreate();
};

}  // namespace gantry::tflite
