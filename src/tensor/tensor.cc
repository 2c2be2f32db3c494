#include "gantry/tensor/tensor.h"

#include <limits>

#include "gantry/base/format.h"

namespace gantry {

std::string_view dtype_name(DType type) noexcept {
  switch (type) {
    case DType::uint8:
      return "uint8";
    case DType::int8:
      return "int8";
    case DType::uint16:
      return "uint16";
    case DType::int16:
      return "int16";
    case DType::uint32:
      return "uint32";
    case DType::int32:
      return "int32";
    case DType::uint64:
      return "uint64";
    case DType::int64:
      return "int64";
    case DType::float16:
      return "float16";
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::boolean:
      return "bool";
    case DType::string:
      return "string";
    case DType::other:
      return "other";
  }
  return "other";
}

std::size_t dtype_size(DType type) noexcept {
  switch (type) {
    case DType::uint8:
    case DType::int8:
    case DType::boolean:
      return 1;
    case DType::uint16:
    case DType::int16:
    case DType::float16:
      return 2;
    case DType::uint32:
    case DType::int32:
    case DType::float32:
      return 4;
    case DType::uint64:
    case DType::int64:
    case DType::float64:
      return 8;
    case DType::string:
    case DType::other:
      return 0;
  }
  return 0;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int32_t extent : shape) {
    if (text.size() > 1) {
      text += ',';
    }
    text += std::to_string(extent);
  }
  text += ']';
  return text;
}

std::optional<std::size_t> element_count(const Shape& shape) noexcept {
  // The signed limit, so that differences and pointers within such a tensor have a type, too.
  constexpr auto limit = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
  std::size_t count = 1;
  bool too_many = false;
  bool none = false;
  for (const std::int32_t extent : shape) {
    if (extent < 0) {
      return std::nullopt;
    }
    if (extent == 0) {
      none = true;  // [0, 2^31-1, 2^31-1, …] is an empty tensor, whatever the other extents are
    } else if (count > limit / static_cast<std::size_t>(extent)) {
      too_many = true;
    } else {
      count *= static_cast<std::size_t>(extent);
    }
  }
  if (none) {
    return 0;
  }
  return too_many ? std::nullopt : std::optional(count);
}

std::optional<std::size_t> TensorSpec::byte_size() const noexcept {
  const std::size_t size = dtype_size(dtype);
  const std::optional<std::size_t> count = element_count(shape);
  if (size == 0 || !count || *count > std::numeric_limits<std::ptrdiff_t>::max() / size) {
    return std::nullopt;
  }
  return *count * size;
}

std::string TensorSpec::description() const {
  return format_text("{} {}", dtype_name(dtype), to_string(shape));
}

}  // namespace gantry
