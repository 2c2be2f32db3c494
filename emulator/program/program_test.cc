#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "control.h"
#include "gantry/base/file.h"
#include "launch.h"
#include "system_root.h"

namespace gantry::emulator {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "gantry-program-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string text(const fs::path& relative) const {
    return read_text_file(folder_ / "root" / relative, 4096).value_or("(not there)");
  }

  fs::path folder_;
};

TEST_F(ProgramTest, TheSystemRootLooksLikeABoard) {
  ASSERT_TRUE(SystemRoot::make(folder_ / "root"));
  EXPECT_THAT(text("proc/sys/kernel/osrelease"), HasSubstr("6.18"));
  EXPECT_THAT(text("proc/modules"), HasSubstr("rocket "));
  EXPECT_EQ(text("sys/class/accel/accel0/dev"), "261:0\n");
  EXPECT_EQ(text("sys/kernel/debug/clk/scmi_clk_npu/clk_rate"), "200000000\n");
  EXPECT_EQ(text("sys/class/thermal/thermal_zone6/type"), "npu-thermal\n");
  // Through the links, as programs go: the device's driver, and the driver's three cores.
  EXPECT_THAT(text("sys/class/accel/accel0/device/uevent"), HasSubstr("rockchip,rk3588-rknn-core"));
  EXPECT_TRUE(fs::equivalent(folder_ / "root/sys/class/accel/accel0/device/driver",
                             folder_ / "root/sys/bus/platform/drivers/rocket"));
  for (const auto* core : {"fdab0000.npu", "fdac0000.npu", "fdad0000.npu"}) {
    EXPECT_TRUE(fs::exists(folder_ / "root/sys/bus/platform/drivers/rocket" / core / "uevent"));
  }
}

TEST_F(ProgramTest, ControlChangesTheDeviceAndTheRoot) {
  const auto root = SystemRoot::make(folder_ / "root");
  ASSERT_TRUE(root);
  Settings settings;
  Device device(settings);
  Control control(settings, device, *root);
  const fs::path node = root->path() / "dev/accel/accel0";
  EXPECT_EQ(control.answer("fault absent"), "ok");
  EXPECT_FALSE(fs::exists(node));
  EXPECT_EQ(control.answer("clear"), "ok");
  EXPECT_TRUE(fs::exists(node));
  EXPECT_EQ(control.answer("fault eacces"), "ok");
  EXPECT_EQ(fs::status(node).permissions(), fs::perms{0});
  EXPECT_EQ(control.answer("clock-mhz 600"), "ok");
  EXPECT_EQ(text("sys/kernel/debug/clk/scmi_clk_npu/clk_rate"), "600000000\n");
  EXPECT_EQ(control.answer("temperature 85.5"), "ok");
  EXPECT_EQ(text("sys/class/thermal/thermal_zone6/temp"), "85500\n");
  EXPECT_THAT(control.answer("status"), HasSubstr(R"("faults":["eacces"])"));
  EXPECT_THAT(control.answer("temperature hot"), HasSubstr("error "));
  EXPECT_THAT(control.answer("fault everything"), HasSubstr("error unknown fault"));
  EXPECT_EQ(control.answer("vanish"), "ok");
  EXPECT_FALSE(fs::exists(node));
}

TEST_F(ProgramTest, AProgramThatIsNotThereIsAnError) {
  const auto launch = plan_launch({"no-such-program-anywhere"}, {});
  ASSERT_FALSE(launch);
  EXPECT_EQ(launch.error().code, Code::not_found);
}

TEST_F(ProgramTest, ALibraryForAnotherProcessorIsAnError) {
  const fs::path text_file = folder_ / "lib.so";
  std::ofstream(text_file) << "no library";
  const auto launch = plan_launch({"/bin/sh"}, {.preload = text_file, .sysroot = {}});
  ASSERT_FALSE(launch);
  EXPECT_THAT(launch.error().message, HasSubstr("not a library"));
}

TEST_F(ProgramTest, ExitCodesAreHandedOn) {
  EXPECT_EQ(*run_launch({.words = {"/bin/sh", "-c", "exit 7"}, .environment = {}}), 7);
  EXPECT_EQ(*run_launch({.words = {"/bin/sh", "-c", "kill -9 $$"}, .environment = {}}), 128 + 9);
  EXPECT_EQ(
      *run_launch({.words = {"/bin/sh", "-c", "[ \"$A\" = 1 ]"}, .environment = {{"A", "1"}}}), 0);
  EXPECT_EQ(*run_launch({.words = {"/nowhere/at/all"}, .environment = {}}), 127);
}

}  // namespace
}  // namespace gantry::emulator
