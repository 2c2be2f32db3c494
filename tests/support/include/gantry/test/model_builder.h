#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

// Whole `.tflite` files, made here, so that tests and benchmarks run where ../shared is absent.
namespace gantry::test {

/// uint8 [1,height,width,3] → RESHAPE → uint8 [1,height*width*3], the same bytes: a model that
/// costs nothing.
[[nodiscard]] std::vector<std::byte> identity_model(std::int32_t height, std::int32_t width);

/// Which colour is the picture? uint8 [1,8,8,3] → AVERAGE_POOL_2D → RESHAPE → uint8 [1,3]: the mean
/// of each channel as a probability (scale 1/256), with metadata and the labels red, green and blue
/// in the file.
[[nodiscard]] std::vector<std::byte> color_classifier();

/// What color_classifier() is made with: a model's bytes with a "TFLITE_METADATA" that names
/// `label_file` as the labels of the first output, mean and stddev 127.5, and a zip with that file
/// at its end.
[[nodiscard]] std::vector<std::byte> with_labels(std::span<const std::byte> model,
                                                 std::string_view label_file,
                                                 std::string_view labels);

/// A zip archive with one stored file, its offsets counted from `offset`.
[[nodiscard]] std::string zip_of(std::string_view name, std::string_view content,
                                 std::size_t offset);

/// Writes bytes to a file. Errors: as gantry::write_file.
[[nodiscard]] Result<> write_model(const std::filesystem::path& path,
                                   std::span<const std::byte> model);

}  // namespace gantry::test
