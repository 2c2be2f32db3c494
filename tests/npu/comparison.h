#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"
#include "gantry/tflite/session.h"

// The same model and the same input on the CPU and through a delegate, for the programs beside this
// file.
namespace gantry::npu_test {

/// A model out of bytes that are in no file.
[[nodiscard]] Result<std::shared_ptr<const tflite::Model>> make_model(
    std::span<const std::byte> bytes);

/// Bytes for every input of a session: always the same noise; of floats in -1 to 1; of int32 the
/// given numbers, for they are parameters.
[[nodiscard]] std::vector<std::vector<std::byte>> make_noise(
    const tflite::Session& session, std::span<const std::int32_t> parameters = {});

/// An output tensor after an inference.
struct Output {
  TensorSpec spec;
  std::vector<std::byte> bytes;
};
/// Errors: those of Session::invoke.
[[nodiscard]] Result<std::vector<Output>> outputs_of(
    tflite::Session& session, const std::vector<std::vector<std::byte>>& inputs);

struct Difference {
  std::size_t size = 0;
  std::size_t different = 0;
  /// Of quantised tensors in steps; of others the largest absolute one. Infinite where one is no
  /// number and the other is, or where sizes differ.
  double largest = 0;
  std::ptrdiff_t best_wanted = 0;  ///< index of the greatest element
  std::ptrdiff_t best_found = 0;
};
[[nodiscard]] Difference compare(const Output& wanted, const Output& found);

}  // namespace gantry::npu_test
