#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

namespace gantry::cli {

/// The bytes of a NumPy file (format version 1.0) with one tensor, for `numpy.load`.
///
/// Shapes:  `data` holds the elements of `shape` in C order, little-endian, without padding.
/// Errors:  invalid_argument if the sizes differ; unimplemented for string and other tensors.
/// Source:  numpy/lib/format.py: magic, version, little-endian header length, a Python dictionary
/// padded with
///          spaces so that the data begins at a multiple of 64.
[[nodiscard]] Result<std::vector<std::byte>> npy_file(DType dtype, const Shape& shape,
                                                      std::span<const std::byte> data);

}  // namespace gantry::cli
