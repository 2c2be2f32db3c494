#include <bit>
#include <cmath>
#include <cstring>

#include "gantry/base/format.h"
#include "gantry/tensor/tensor.h"

namespace gantry {
namespace {

/// IEEE 754 binary16, as its bits.
enum class Half : std::uint16_t {};

double to_double(Half half) noexcept {
  const auto bits = static_cast<unsigned>(half);
  const int exponent = static_cast<int>((bits >> 10U) & 0x1FU);
  const unsigned fraction = bits & 0x3FFU;
  double magnitude = 0;
  if (exponent == 0x1F) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 1024U, exponent - 25);
  }
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

template <class T>
double to_double(T value) noexcept {
  return static_cast<double>(value);
}

// One rounding, at the end: scale (24 bits) times a difference of up to 29 bits is exact in double,
// so that this equals TensorFlow Lite's float result for every 8- and 16-bit tensor.
template <class T>
void convert(std::span<const std::byte> bytes, std::optional<Quantization> quantization,
             std::span<float> out) noexcept {
  const double scale = quantization ? static_cast<double>(quantization->scale) : 1.0;
  const double zero_point = quantization ? quantization->zero_point : 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + (i * sizeof(T)), sizeof(T));
    out[i] = static_cast<float>(scale * (to_double(value) - zero_point));
  }
}

}  // namespace

Result<> dequantize(std::span<const std::byte> bytes, DType dtype,
                    std::optional<Quantization> quantization, std::span<float> out) {
  const std::size_t size = dtype_size(dtype);
  if (size == 0) {
    return fail(Code::invalid_argument,
                format_text("want a tensor of numbers, got dtype {}", dtype_name(dtype)));
  }
  if (bytes.size() % size != 0 || bytes.size() / size != out.size()) {
    return fail(Code::invalid_argument,
                format_text("want {} bytes for {} elements of {}, got {}", out.size() * size,
                            out.size(), dtype_name(dtype), bytes.size()));
  }
  switch (dtype) {
    case DType::uint8:
    case DType::boolean:
      convert<std::uint8_t>(bytes, quantization, out);
      break;
    case DType::int8:
      convert<std::int8_t>(bytes, quantization, out);
      break;
    case DType::uint16:
      convert<std::uint16_t>(bytes, quantization, out);
      break;
    case DType::int16:
      convert<std::int16_t>(bytes, quantization, out);
      break;
    case DType::uint32:
      convert<std::uint32_t>(bytes, quantization, out);
      break;
    case DType::int32:
      convert<std::int32_t>(bytes, quantization, out);
      break;
    case DType::uint64:
      convert<std::uint64_t>(bytes, quantization, out);
      break;
    case DType::int64:
      convert<std::int64_t>(bytes, quantization, out);
      break;
    case DType::float16:
      convert<Half>(bytes, quantization, out);
      break;
    case DType::float32:
      convert<float>(bytes, quantization, out);
      break;
    case DType::float64:
      convert<double>(bytes, quantization, out);
      break;
    case DType::string:
    case DType::other:
      break;  // refused above
  }
  return {};
}

}  // namespace gantry
