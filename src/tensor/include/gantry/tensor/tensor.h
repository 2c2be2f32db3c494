#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry {

/// Element types that a TensorFlow Lite tensor may have.
enum class DType : std::uint8_t {
  uint8,
  int8,
  uint16,
  int16,
  uint32,
  int32,
  uint64,
  int64,
  float16,
  float32,
  float64,
  boolean,
  string,
  other,
};

/// "uint8", "float32", …: NumPy's names.
[[nodiscard]] std::string_view dtype_name(DType type) noexcept;
/// Bytes of one element; 0 for string and other, which have no fixed size.
[[nodiscard]] std::size_t dtype_size(DType type) noexcept;

/// Extents, outermost first; -1 is an extent known only at run time. [] is a scalar.
using Shape = std::vector<std::int32_t>;

/// "[1,224,224,3]".
[[nodiscard]] std::string to_string(const Shape& shape);
/// Product of the extents, 1 for a scalar. Empty if one is negative or the product overflows.
[[nodiscard]] std::optional<std::size_t> element_count(const Shape& shape) noexcept;

/// Per-tensor affine quantisation: real = scale * (value - zero_point).
struct Quantization {
  float scale = 1.0F;
  std::int32_t zero_point = 0;
  friend bool operator==(const Quantization&, const Quantization&) = default;
};

/// What a tensor is, without its data.
struct TensorSpec {
  std::string name;
  DType dtype = DType::other;
  Shape shape;
  std::optional<Quantization> quantization;  ///< empty for float tensors, or if none is stated
  /// Elements times element size; empty if unknown (dynamic shape, strings).
  [[nodiscard]] std::optional<std::size_t> byte_size() const noexcept;
  /// "uint8 [1,224,224,3]".
  [[nodiscard]] std::string description() const;
};

/// Converts every element of a tensor's bytes to its real value.
///
/// Shapes:  bytes holds [N] elements of `dtype`, `out` is [N].
/// Dtypes:  all but string and other. With a quantisation: real = scale * (value - zero_point),
///          in float32 arithmetic as TensorFlow Lite's Dequantize; without: the value itself.
/// Errors:  invalid_argument if sizes differ or the dtype has no real value.
/// Threads: reentrant; allocates nothing.
[[nodiscard]] Result<> dequantize(std::span<const std::byte> bytes, DType dtype,
                                  std::optional<Quantization> quantization, std::span<float> out);

/// How 8-bit RGB samples become elements of a model's input:
///   real = (sample - mean[c]) / stddev[c], then value = real for float inputs, and
///   value = clamp(round(real / scale) + zero_point), halves away from zero, for quantised ones.
/// A transform to 8 bits may give values within one step of the sample's byte everywhere: scale
/// 1/128 and zero point 128 with mean 127.5 and stddev 127.5 is an example. Such a model is meant
/// to get the byte itself, as every other program feeds it. So the value becomes exactly that byte:
/// the sample for uint8, sample - 128 for int8.
///
/// Channels: 3, or 1 (then luma L = (R*19595 + G*38470 + B*7471 + 0x8000) >> 16, Pillow's
///           convert("L")).
/// Threads:  thread-safe once made.
class InputTransform {
 public:
  struct Normalization {
    std::vector<float> mean;    ///< one value for all channels, or one per channel
    std::vector<float> stddev;  ///< the same; every value positive
    friend bool operator==(const Normalization&, const Normalization&) = default;
  };
  /// `spec` must be [1,H,W,C] with C 1 or 3 and dtype uint8, int8, int16 or float32.
  /// Without a normalisation:
  ///   - 8-bit inputs take the byte if they have no quantisation, or a scale within 2 % of 1/128,
  ///     1/255 or 1: the sample for uint8, sample - 128 for int8. (With these scales 256 steps span
  ///     -1 to 1, 0 to 1 or the samples themselves; the zero point says where.)
  ///   - other quantised inputs take real = (sample - 127) / 128, the rule of EdgeTPU models;
  ///   - float32 takes (sample - 127.5) / 127.5; int16 without quantisation the sample.
  /// A float32 model that wants another range (0 to 1, 0 to 255) needs it in its metadata or in the
  /// config.
  /// Errors: failed_precondition naming the tensor, wanted and found.
  [[nodiscard]] static Result<InputTransform> create(const TensorSpec& spec,
                                                     std::optional<Normalization> normalization);

  [[nodiscard]] std::int32_t width() const noexcept { return width_; }
  [[nodiscard]] std::int32_t height() const noexcept { return height_; }
  [[nodiscard]] std::int32_t channels() const noexcept { return channels_; }
  /// Whether the input tensor's bytes are the picture's bytes.
  [[nodiscard]] bool is_identity() const noexcept { return identity_; }

  /// Writes the input tensor for a picture of exactly width() x height() pixels.
  ///
  /// Shapes:  rgb [height, width, 3] bytes, packed; out has the input tensor's bytes.
  /// Errors:  invalid_argument if a size differs.   Allocates nothing.
  [[nodiscard]] Result<> apply(std::span<const std::uint8_t> rgb, std::span<std::byte> out) const;

 private:
  InputTransform() = default;
  std::int32_t width_ = 0;
  std::int32_t height_ = 0;
  std::int32_t channels_ = 0;
  DType dtype_ = DType::uint8;
  bool identity_ = false;
  // [channels][256] elements, in the table that has the input's dtype.
  std::vector<std::uint8_t> table8_;  ///< int8 as two's complement
  std::vector<std::int16_t> table16_;
  std::vector<float> table32_;
};

}  // namespace gantry
