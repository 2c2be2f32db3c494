#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::npu_test {

/// What becomes of a graph that Mesa's delegate is shown whole.
enum class Alone : std::uint8_t {
  right,    ///< it takes operators, and they come out right
  refused,  ///< it takes none, or TensorFlow Lite refuses the model: nothing goes wrong
  wrong,
  crash,
  hang,
  undefined,  ///< it reads memory that is nobody's: what happens differs from run to run
};
[[nodiscard]] std::string_view alone_name(Alone alone) noexcept;

/// One row of rocket-npu.md's B.5, C.1, C.2 or C.3 as a model, the smallest that shows it.
struct Row {
  std::string_view name;
  std::string_view section;
  std::string_view
      rule;  ///< of npu::rules(), with or without a version behind; empty: none applies
  Alone mesa_26_1, mesa_26_2;  ///< as seen, with the released libraries on the emulated NPU
  std::unique_ptr<::tflite::ModelT> (*build)();
  std::vector<std::int32_t> parameters;  ///< for inputs of int32
};

[[nodiscard]] const std::vector<Row>& rows();

}  // namespace gantry::npu_test
