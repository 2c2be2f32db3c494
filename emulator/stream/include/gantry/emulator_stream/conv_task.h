#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "gantry/base/error.h"

namespace gantry::emulator {

enum class ConvMode : std::uint8_t { normal, depthwise };

/// The address of a feature map, and the distances of its lines (x = 0 … width-1, 16 bytes per
/// pixel) and of its surfaces (16 channels each). A map of single bytes has one byte per pixel and
/// one surface.
struct FeatureMap {
  std::uint32_t address = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;  ///< channels in use
  std::uint32_t lanes = 0;     ///< channels rounded up to whole surfaces
  std::uint64_t line_bytes = 0;
  std::uint64_t surface_bytes = 0;
};

/// Unsigned bytes, one per pixel, instead of surfaces: x' = ((x * scale) >> shift) + offset.
struct SingleChannelInput {
  std::int16_t scale = 0;
  std::int16_t offset = 0;
  std::uint32_t shift = 0;
};

/// acc += rne((addend + offset) * scale / 2^shift), the addend at the output's own position.
struct Addition {
  std::uint32_t address = 0;
  std::uint64_t surface_bytes = 0;
  std::int32_t offset = 0;
  std::int16_t scale = 0;
  std::uint32_t shift = 0;
};

/// How an accumulator becomes an output byte.
struct Requantization {
  std::int16_t weight_offset = 0;  ///< times the sum of the inputs; 0x80 - weight zero point
  std::uint32_t truncate = 0;      ///< bits dropped before the bias is added
  std::int16_t scale = 0;          ///< signed, also on silicon
  std::uint32_t shift = 0;
  bool half_away_from_zero = false;  ///< else half to even
  std::int32_t offset = 0;
};

/// One run of a core: a convolution, or a slice of one. What parse_task() returns is in bounds:
/// nothing in it makes an execution divide by zero, shift too far or index outside its own loops.
/// Addresses are the NPU's and unchecked.
struct ConvTask {
  ConvMode mode = ConvMode::normal;
  FeatureMap input;
  std::optional<SingleChannelInput> single_channel;
  FeatureMap output;
  std::uint32_t kernel_width = 0;
  std::uint32_t kernel_height = 0;
  std::uint32_t kernels = 0;  ///< kernels in weight memory: output channels and padding
  std::uint32_t stride_x = 0;
  std::uint32_t stride_y = 0;
  std::uint32_t pad_left = 0;
  std::uint32_t pad_top = 0;
  /// The register's bytes, least significant first. Byte 0 is what TensorFlow Lite expects
  /// everywhere; silicon reads byte 1 in some lanes of a depthwise convolution.
  std::array<std::int8_t, 4> pad{};
  std::uint32_t weights_address = 0;
  std::uint32_t bias_address = 0;
  Requantization requantization;
  std::optional<Addition> addition;

  [[nodiscard]] std::uint64_t taps() const { return std::uint64_t{kernel_width} * kernel_height; }
  [[nodiscard]] std::uint64_t weight_bytes() const {
    return taps() * input.lanes * (mode == ConvMode::depthwise ? 1 : kernels);
  }
  /// Multiplications that change the result.
  [[nodiscard]] std::uint64_t macs() const {
    return taps() * output.width * output.height * output.channels *
           (mode == ConvMode::depthwise ? 1 : input.channels);
  }
};

/// Reads a register stream as a convolution.
/// Errors: invalid_argument for streams that contradict themselves, unimplemented for functions
///         that Mesa never uses (other data types, look-up tables, pooling).
/// Source: rocket-npu.md E.1 to E.3.
[[nodiscard]] Result<ConvTask> parse_task(std::span<const std::uint64_t> words);

}  // namespace gantry::emulator
