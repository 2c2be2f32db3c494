#include "run/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <span>
#include <string>

namespace gantry::cli {
namespace {

using testing::HasSubstr;

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Npy, HeaderIsVersion1AndTheDataBeginsAtAMultipleOf64) {
  const std::array data = {std::byte{1}, std::byte{2}, std::byte{3},
                           std::byte{4}, std::byte{5}, std::byte{6}};
  const std::string file = as_text(*npy_file(DType::uint8, {1, 2, 3}, data));
  EXPECT_EQ(file.size(), 128 + data.size());
  EXPECT_EQ(file.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(
      file.substr(10, 118),
      testing::StartsWith("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }"));
  EXPECT_EQ(file[127], '\n');
  EXPECT_EQ(file.substr(128), std::string("\1\2\3\4\5\6"));
}

TEST(Npy, ShapesAreTuples) {
  const std::array<std::byte, 8> data{};
  EXPECT_THAT(as_text(*npy_file(DType::float32, {2}, data)), HasSubstr("'<f4'"));
  EXPECT_THAT(as_text(*npy_file(DType::float32, {2}, data)), HasSubstr("(2,)"));
  EXPECT_THAT(as_text(*npy_file(DType::int64, {}, data)), HasSubstr("'shape': ()"));
}

TEST(Npy, RefusesWhatDoesNotFit) {
  const std::array<std::byte, 8> data{};
  EXPECT_EQ(npy_file(DType::float32, {3}, data).error().code, Code::invalid_argument);
  EXPECT_EQ(npy_file(DType::string, {1}, data).error().code, Code::unimplemented);
  EXPECT_EQ(npy_file(DType::uint8, {-1}, data).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace gantry::cli
