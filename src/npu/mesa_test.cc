#include "gantry/npu/mesa.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>

#include "gantry/base/file.h"

namespace gantry::npu {
namespace {

using namespace std::string_literals;

TEST(MesaVersion, is_read_from_a_release) {
  EXPECT_EQ(parse_mesa_version("26.1"), mesa_26_1);
  EXPECT_EQ(parse_mesa_version("26.2.6-1"), mesa_26_2);
  for (const char* const bad : {"", "26", "26.", ".1", "26.1x", "-26.1", "2600.1", "26.1e3"}) {
    EXPECT_FALSE(parse_mesa_version(bad)) << bad;
  }
}

TEST(MesaVersion, is_a_string_of_its_own_in_the_library) {
  EXPECT_EQ(mesa_release_in("\0LLVM 21.1.8\0GCC: (Debian 15.2.0)\0rocket\00026.1.6-1\0x"s),
            "26.1.6-1");
  EXPECT_EQ(mesa_release_in("26.2.6"), "26.2.6");
  EXPECT_FALSE(mesa_release_in("15.2.0\0001.2.3\00026.1\00026.1.6 (git)\0"s));
  EXPECT_FALSE(mesa_release_in(""));
}

TEST(InstalledMesa, is_what_the_library_says) {
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "installed_mesa_test.so";
  EXPECT_FALSE(mesa_in(path));
  EXPECT_EQ(mesa_version_of(path), unknown_mesa);
  const std::string library = "ELF\00026.2.6-1\0"s;
  ASSERT_TRUE(write_file(path, std::as_bytes(std::span(library))));
  const auto found = mesa_in(path);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, mesa_26_2);
  EXPECT_EQ(found->release, "26.2.6-1");
  EXPECT_EQ(found->library, path);
  EXPECT_EQ(mesa_version_of(path), mesa_26_2);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace gantry::npu
