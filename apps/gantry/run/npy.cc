#include "run/npy.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "gantry/base/format.h"

namespace gantry::cli {
namespace {

/// NumPy's `dtype.str`; empty where NumPy has none.
std::string_view type_string(DType dtype) {
  switch (dtype) {
    case DType::uint8:
      return "|u1";
    case DType::int8:
      return "|i1";
    case DType::uint16:
      return "<u2";
    case DType::int16:
      return "<i2";
    case DType::uint32:
      return "<u4";
    case DType::int32:
      return "<i4";
    case DType::uint64:
      return "<u8";
    case DType::int64:
      return "<i8";
    case DType::float16:
      return "<f2";
    case DType::float32:
      return "<f4";
    case DType::float64:
      return "<f8";
    case DType::boolean:
      return "|b1";
    case DType::string:
    case DType::other:
      return {};
  }
  return {};
}

}  // namespace

Result<std::vector<std::byte>> npy_file(DType dtype, const Shape& shape,
                                        std::span<const std::byte> data) {
  const std::string_view type = type_string(dtype);
  if (type.empty()) {
    return fail(Code::unimplemented,
                format_text("NumPy files hold numbers, this tensor is {}", dtype_name(dtype)));
  }
  const auto elements = element_count(shape);
  if (!elements || *elements * dtype_size(dtype) != data.size()) {
    return fail(Code::invalid_argument,
                format_text("want the bytes of {} {}, got {} bytes", dtype_name(dtype),
                            to_string(shape), data.size()));
  }
  std::string extents;
  for (const std::int32_t extent : shape) {
    extents += format_text("{}, ", extent);
  }
  if (shape.size() > 1) {
    extents.resize(extents.size() - 2);
  } else if (shape.size() == 1) {
    extents.pop_back();  // "(5,)"
  }
  std::string header =
      format_text("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, extents);
  constexpr std::size_t prefix = 10;  // magic, version, length
  const std::size_t unpadded = prefix + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';

  std::vector<std::byte> file;
  file.reserve(prefix + header.size() + data.size());
  for (const char c : std::string_view("\x93NUMPY\x01\x00", 8)) {
    file.push_back(static_cast<std::byte>(c));
  }
  file.push_back(static_cast<std::byte>(header.size() & 0xFFU));
  file.push_back(static_cast<std::byte>(header.size() >> 8U));
  std::ranges::transform(header, std::back_inserter(file),
                         [](char c) { return static_cast<std::byte>(c); });
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

}  // namespace gantry::cli
