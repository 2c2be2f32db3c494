#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gantry/tensor/tensor.h"

namespace gantry::proof {

/// Fills an input tensor with values like those of a picture: slow waves across its two middle
/// extents, a few hard edges, and noise on top. They exercise all sums of a layer: zeros would hide
/// wrong weights, and pure noise averages out behind the first layers. A seed gives the same bytes
/// on every machine. Integers take their whole range, floats -1 to 1; indices (int32, int64),
/// booleans and strings stay zero.
/// Threads: reentrant.
void fill_test_input(const TensorSpec& spec, std::uint32_t seed, std::span<std::byte> out);

}  // namespace gantry::proof
