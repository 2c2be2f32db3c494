#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gantry/tensor/tensor.h"

namespace gantry::proof {

/// Fills an input tensor with what a picture is like: slow waves across its two middle extents, a
/// few hard edges, and noise on top, so that all of a layer's sums are exercised (zeros would hide
/// wrong weights, pure noise averages out behind the first layers). The same bytes on every machine
/// for the same seed. Integers take their whole range, floats -1 to 1; indices (int32, int64),
/// booleans and strings stay zero.
/// Threads: reentrant.
void fill_test_input(const TensorSpec& spec, std::uint32_t seed, std::span<std::byte> out);

}  // namespace gantry::proof
