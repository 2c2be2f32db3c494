#include "gantry/npu/guard.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/file.h"
#include "gantry/test/model_object.h"

namespace gantry::npu {
namespace {

using namespace std::string_literals;
using Offered = std::vector<bool>;

/// Three convolutions and the sum of the first's and the third's result.
std::vector<std::byte> residual_model() { return test::pack(*test::residual_object()); }

TEST(Guard, offers_what_the_mesa_computes_right) {
  const auto with_26_1 = guard(residual_model(), mesa_26_1);
  const auto with_26_2 = guard(residual_model(), mesa_26_2);
  ASSERT_TRUE(with_26_1 && with_26_2);
  EXPECT_EQ(with_26_1->offered, (Offered{true, true, true, false}));  // its additions are wrong
  EXPECT_EQ(with_26_2->offered, (Offered{true, true, true, true}));
  EXPECT_TRUE(with_26_1->any());
}

TEST(Guard, takes_the_version_from_the_library) {
  const std::filesystem::path library =
      std::filesystem::path(testing::TempDir()) / "guard_test_libteflon.so";
  const std::string bytes = "ELF\00026.2.6-1\0"s;
  ASSERT_TRUE(write_file(library, std::as_bytes(std::span(bytes))));
  const auto guarded = guard(residual_model(), library);
  ASSERT_TRUE(guarded);
  EXPECT_EQ(guarded->classification.mesa, mesa_26_2);
  EXPECT_TRUE(guarded->offered.back());
  std::filesystem::remove(library);
}

TEST(Guard, is_most_careful_where_the_version_is_unknown) {
  const auto guarded = guard(residual_model(), "/nowhere/libteflon.so");
  ASSERT_TRUE(guarded);
  EXPECT_EQ(guarded->classification.mesa, unknown_mesa);
  EXPECT_EQ(guarded->classification.mesa.text(), "unknown");
  EXPECT_EQ(guarded->offered, (Offered{true, true, true, false}));
  // 26.2 alone computes this one right.
  const auto odd = guard(test::pack(*test::conv_object({.channels = 20})), unknown_mesa);
  ASSERT_TRUE(odd);
  EXPECT_FALSE(odd->any());
}

TEST(Guard, refuses_what_is_no_model) {
  const std::vector<std::byte> nothing(100);
  EXPECT_FALSE(guard(nothing, mesa_26_2));
}

}  // namespace
}  // namespace gantry::npu
