#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gantry::emulator::testing {

/// real = scale * (level - zero_point), as in TensorFlow Lite.
struct Levels {
  float scale = 1;
  std::uint8_t zero_point = 0;
};

/// The second operand of an ADD that is fused into a layer; the sum has levels of its own.
struct Addend {
  Levels levels;
  Levels sum;
};

/// A quantised uint8 convolution on a square map; Mesa makes streams from such layers.
struct Layer {
  std::uint32_t size = 1;  ///< width and height of the input
  std::uint32_t in_channels = 1;
  std::uint32_t out_channels = 1;
  std::uint32_t kernel = 1;
  std::uint32_t stride = 1;
  bool depthwise = false;
  bool same_padding = true;
  Levels in{};
  Levels weight{};
  Levels out{};                         ///< before the ADD, if there is one
  std::vector<std::uint8_t> weights{};  ///< [oc][ky][kx][ic]; depthwise [ky][kx][c]
  std::vector<std::int32_t> bias{};
  std::optional<Addend> addend{};

  [[nodiscard]] std::uint32_t out_size() const;
  [[nodiscard]] std::uint32_t pad_before() const;
};

/// The layer of rocket-npu.md E.10, with the registers and results of the real library.
[[nodiscard]] Layer worked_example();

/// Where a layer's operands are in the NPU's address space.
struct Addresses {
  std::uint32_t input = 0;
  std::uint32_t weights = 0;
  std::uint32_t biases = 0;
  std::uint32_t output = 0;
  std::uint32_t addend = 0;
};

/// Output rows [first, first + count) of a layer, as one task of several.
struct Slice {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// The 130 words that Mesa 26.2 writes for a layer or a slice of it. Source: rocket-npu.md E.2.
[[nodiscard]] std::vector<std::uint64_t> make_stream(const Layer& layer, const Addresses& at,
                                                     std::optional<Slice> slice = {});
/// The bytes of a layer's weight buffer and of its bias buffer. Source: E.4, E.5.
[[nodiscard]] std::vector<std::int8_t> pack_weights(const Layer& layer);
[[nodiscard]] std::vector<std::int32_t> pack_biases(const Layer& layer);
/// Pixels of a `size` * `size` map, channels last, to surfaces and back. Source: E.3.
[[nodiscard]] std::vector<std::int8_t> pack_map(std::span<const std::uint8_t> pixels,
                                                std::uint32_t size, std::uint32_t channels,
                                                std::uint8_t zero_point);
[[nodiscard]] std::vector<std::uint8_t> unpack_map(std::span<const std::int8_t> packed,
                                                   std::uint32_t size, std::uint32_t channels);
/// A single channel's bytes, with lines of at least 16 bytes.
[[nodiscard]] std::vector<std::int8_t> pack_single_channel(std::span<const std::uint8_t> pixels,
                                                           std::uint32_t size,
                                                           std::uint8_t zero_point);

/// The layer's output as TensorFlow Lite defines it, with real numbers instead of the CPU's
/// fixed-point multipliers. `addend` has the output's shape; empty: there is none.
[[nodiscard]] std::vector<std::uint8_t> expected_output(const Layer& layer,
                                                        std::span<const std::uint8_t> input,
                                                        std::span<const std::uint8_t> addend);

/// scale and shift with scale / 2^shift ≈ real, by Mesa's rule. Source: E.7.
struct FixedPoint {
  std::uint16_t scale = 0;
  std::uint32_t shift = 0;
};
[[nodiscard]] FixedPoint fixed_point(float real, bool round_up);

}  // namespace gantry::emulator::testing
