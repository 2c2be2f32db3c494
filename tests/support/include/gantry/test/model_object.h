#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensorflow/lite/schema/schema_generated.h"

// Models as objects that tests change before they are packed: for those that read or break the
// format.
namespace gantry::test {

[[nodiscard]] std::vector<std::byte> pack(const ::tflite::ModelT& model);
[[nodiscard]] std::unique_ptr<::tflite::ModelT> unpack(std::span<const std::byte> model);

[[nodiscard]] std::unique_ptr<::tflite::ModelT> identity_object(std::int32_t height,
                                                                std::int32_t width);
[[nodiscard]] std::unique_ptr<::tflite::ModelT> color_object();

}  // namespace gantry::test
