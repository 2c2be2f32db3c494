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

TEST(InstalledMesa, is_the_first_library_that_says_its_version) {
  const std::filesystem::path root =
      std::filesystem::path(testing::TempDir()) / "installed_mesa_test";
  std::filesystem::create_directories(root / "usr/lib/teflon");
  std::filesystem::create_directories(root / "run/opengl-driver/lib");
  EXPECT_FALSE(installed_mesa_version(root));
  const std::string library = "ELF\00026.2.6-1\0"s;
  ASSERT_TRUE(write_file(root / "usr/lib/teflon/libteflon.so", std::as_bytes(std::span(library))));
  std::error_code error;
  std::filesystem::create_symlink("/nowhere/libteflon.so",
                                  root / "run/opengl-driver/lib/libteflon.so", error);
  const auto found = installed_mesa_version(root);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, mesa_26_2);
  EXPECT_EQ(found->release, "26.2.6-1");
  EXPECT_EQ(found->library, root / "usr/lib/teflon/libteflon.so");
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace gantry::npu
