#pragma once

#include <cstddef>
#include <cstdint>

#include "site.h"

namespace gantry::npu {

/// How Mesa splits a convolution to fit the NPU's 384 KiB buffer (CBUF). Source: rocket-npu.md E.9.
struct CbufPlan {
  std::int64_t weight_bytes = 0;
  std::int64_t weight_banks = 0;
  std::int64_t input_banks = 0;   ///< banks that the whole input needs
  std::int64_t usable_banks = 0;  ///< banks that the input may use
  std::int64_t rows = 0;          ///< rows of the input in one slice
  std::size_t tasks = 1;
  bool weights_resident = true;
  bool fits = true;         ///< the whole input fits, in one task
  bool never_ends = false;  ///< a slice holds fewer rows than the kernel: Mesa splits for ever
};
[[nodiscard]] CbufPlan plan_cbuf(const ConvShape& shape);

}  // namespace gantry::npu
