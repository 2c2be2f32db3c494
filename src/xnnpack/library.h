#pragma once

#include <xnnpack.h>

#include "gantry/base/error.h"

namespace gantry::xnnpack {

/// XNNPACK's functions that are used here. The library is opened at run time, so that the program
/// also runs on a host without it.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the names once, for the members and for the loader
#define GANTRY_XNNPACK_FUNCTIONS(X)                \
  X(xnn_initialize)                                \
  X(xnn_create_subgraph)                           \
  X(xnn_delete_subgraph)                           \
  X(xnn_define_tensor_value)                       \
  X(xnn_define_quantized_tensor_value)             \
  X(xnn_define_channelwise_quantized_tensor_value) \
  X(xnn_define_unary)                              \
  X(xnn_define_binary)                             \
  X(xnn_define_convolution_2d)                     \
  X(xnn_define_depthwise_convolution_2d)           \
  X(xnn_define_deconvolution_2d)                   \
  X(xnn_define_fully_connected)                    \
  X(xnn_define_average_pooling_2d)                 \
  X(xnn_define_max_pooling_2d)                     \
  X(xnn_define_static_reduce)                      \
  X(xnn_define_concatenate2)                       \
  X(xnn_define_concatenate3)                       \
  X(xnn_define_concatenate4)                       \
  X(xnn_define_concatenate5)                       \
  X(xnn_define_static_slice)                       \
  X(xnn_define_static_transpose)                   \
  X(xnn_define_static_constant_pad)                \
  X(xnn_define_static_reshape)                     \
  X(xnn_define_static_resize_bilinear_2d)          \
  X(xnn_define_softmax)                            \
  X(xnn_create_workspace)                          \
  X(xnn_release_workspace)                         \
  X(xnn_create_runtime_v4)                         \
  X(xnn_reshape_runtime)                           \
  X(xnn_get_external_value_shape)                  \
  X(xnn_setup_runtime_v2)                          \
  X(xnn_invoke_runtime)                            \
  X(xnn_delete_runtime)                            \
  X(pthreadpool_create)                            \
  X(pthreadpool_destroy)

struct Library {
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage,bugprone-macro-parentheses): see above
#define GANTRY_XNNPACK_MEMBER(name) decltype(&::name) name = nullptr;
  GANTRY_XNNPACK_FUNCTIONS(GANTRY_XNNPACK_MEMBER)
#undef GANTRY_XNNPACK_MEMBER

  /// Opened and initialised at the first call. Errors: as available(). Threads: thread-safe.
  [[nodiscard]] static Result<const Library*> get();
};

}  // namespace gantry::xnnpack
