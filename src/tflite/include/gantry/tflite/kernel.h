#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::tflite {

/// Operators that a delegate runs as one, by the model's own indices.
struct KernelPartition {
  std::vector<std::int32_t> operators;  ///< in the order of execution
  std::vector<std::int32_t> inputs;     ///< tensors that come from outside, constants not counted
  std::vector<std::int32_t> outputs;    ///< tensors that are wanted outside
};

/// What computes a partition in TensorFlow Lite's place.
/// Threads: one thread at a time; any thread.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  /// Told before the first invoke how large the partition's tensors are, in bytes and in the
  /// partition's order. Errors: whatever speaks against it; the session is then not made.
  [[nodiscard]] virtual Result<> prepare(std::span<const std::size_t> inputs,
                                         std::span<const std::size_t> outputs) = 0;
  /// The tensors in the partition's order, each of the size that prepare() was told. An output
  /// never overlaps an input or another output.
  [[nodiscard]] virtual Result<> invoke(std::span<const std::span<const std::byte>> inputs,
                                        std::span<const std::span<std::byte>> outputs) = 0;
};

/// Makes the kernel of one partition, while a session is made. Errors: the session is not made.
using MakeKernel = std::function<Result<std::unique_ptr<Kernel>>(const KernelPartition& partition)>;

}  // namespace gantry::tflite
