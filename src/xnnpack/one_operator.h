#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/test/model_object.h"
#include "gantry/xnnpack/rules.h"

// Models of a few operators for this module's tests, with random constants.
namespace gantry::xnnpack {

/// The quantisation of an activation tensor.
struct Step {
  float scale;
  std::int64_t zero_point;
};

class Maker {
 public:
  explicit Maker(Type type, std::uint32_t seed = 1);

  [[nodiscard]] Type type() const noexcept { return type_; }
  [[nodiscard]] bool is_float() const noexcept { return type_ == Type::float32; }
  /// The default of quantised tensors.
  [[nodiscard]] Step usual() const noexcept;

  std::int32_t input(std::vector<std::int32_t> shape, std::optional<Step> step = {});
  /// A result; with `is_output` also an output of the model.
  std::int32_t result(std::vector<std::int32_t> shape, std::optional<Step> step = {},
                      bool is_output = true);
  /// A result of another type than the model's.
  std::int32_t result_of(Type type, std::vector<std::int32_t> shape, std::optional<Step> step = {});
  /// Random constants. `channels`: the axis with a scale for each index, if the type has that.
  std::int32_t weights(std::vector<std::int32_t> shape, std::size_t channels);
  std::int32_t bias(std::int32_t count, float input_scale);
  std::int32_t constant(std::vector<std::int32_t> shape);
  /// A float constant as converters store it to halve a file: float16, and a DEQUANTIZE to float32.
  std::int32_t half(std::int32_t constant);
  std::int32_t integers(const std::vector<std::int32_t>& values);
  /// A quantisation such that a sum of `count` products fills the range.
  [[nodiscard]] Step step_of_sum(std::int64_t count) const;

  template <class Options>
  void op(::tflite::BuiltinOperator code, std::vector<std::int32_t> inputs,
          std::vector<std::int32_t> outputs, Options options) {
    test::add_operator(*model_, code, std::move(inputs), std::move(outputs))
        .builtin_options.Set(std::move(options));
  }
  void op(::tflite::BuiltinOperator code, std::vector<std::int32_t> inputs,
          std::vector<std::int32_t> outputs) {
    test::add_operator(*model_, code, std::move(inputs), std::move(outputs));
  }
  [[nodiscard]] ::tflite::ModelT& model() noexcept { return *model_; }

 private:
  std::int32_t add(::tflite::TensorType type, std::vector<std::int32_t> shape,
                   std::vector<std::uint8_t> data, const std::vector<float>& scales,
                   const std::vector<std::int64_t>& zeros, std::int32_t axis = 0);
  std::vector<std::uint8_t> random_bytes(const std::vector<std::int32_t>& shape, bool as_float);

  Type type_;
  std::unique_ptr<::tflite::ModelT> model_;
  std::mt19937 random_;
};

/// The largest difference between two runs of one model: in steps for quantised outputs, relative
/// to the largest value (at least 1) for float outputs.
struct Difference {
  std::size_t taken = 0;      ///< operators that XNNPACK computed
  std::size_t operators = 0;  ///< of the model
  double largest = 0;
  double mean = 0;       ///< mean over the elements of the output that differs most
  std::string why = {};  ///< why the first operator that was not taken was not
};

/// Runs the model with TensorFlow Lite's kernels and in two sessions of XNNPACK on the same random
/// inputs, twice.
[[nodiscard]] Result<Difference> compare(std::span<const std::byte> model, int threads = 1,
                                         std::uint32_t seed = 1);

}  // namespace gantry::xnnpack
