#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::tflite {

/// Operators that a delegate runs as one. All indices are the model's.
struct KernelPartition {
  std::vector<std::int32_t> operators;  ///< in the order of execution
  std::vector<std::int32_t> inputs;     ///< tensors from outside the partition, without constants
  std::vector<std::int32_t> outputs;    ///< tensors that are used outside the partition
};

/// Computes a partition in place of TensorFlow Lite.
/// Threads: one thread at a time; any thread.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  /// Called before the first invoke with the sizes of the partition's tensors, in bytes and in the
  /// partition's order. Errors: any; then the session is not made.
  [[nodiscard]] virtual Result<> prepare(std::span<const std::size_t> inputs,
                                         std::span<const std::size_t> outputs) = 0;
  /// Computes the outputs. The tensors are in the partition's order, each of the size given to
  /// prepare(). An output never overlaps an input or another output.
  [[nodiscard]] virtual Result<> invoke(std::span<const std::span<const std::byte>> inputs,
                                        std::span<const std::span<std::byte>> outputs) = 0;
};

/// Makes the kernel of one partition, while a session is made. After an error the session is not
/// made.
using MakeKernel = std::function<Result<std::unique_ptr<Kernel>>(const KernelPartition& partition)>;

}  // namespace gantry::tflite
