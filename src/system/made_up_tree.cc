#include "made_up_tree.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "gantry/base/format.h"

namespace gantry::system::test {

namespace fs = std::filesystem;
using std::string_view_literals::operator""sv;

MadeUpTree::MadeUpTree() {
  std::string name = testing::TempDir() + "/gantry-system-XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  folder_ = name;
}
MadeUpTree::~MadeUpTree() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

MadeUpTree& MadeUpTree::file(const fs::path& path, std::string_view text) {
  const fs::path outside = folder_ / path.relative_path();
  fs::create_directories(outside.parent_path());
  std::ofstream(outside, std::ios::binary) << text;
  return *this;
}
MadeUpTree& MadeUpTree::link(const fs::path& path, const fs::path& target) {
  const fs::path outside = folder_ / path.relative_path();
  fs::create_directories(outside.parent_path());
  fs::create_symlink(target, outside);
  return *this;
}
MadeUpTree& MadeUpTree::folder(const fs::path& path) {
  fs::create_directories(folder_ / path.relative_path());
  return *this;
}
MadeUpTree& MadeUpTree::remove(const fs::path& path) {
  fs::remove_all(folder_ / path.relative_path());
  return *this;
}
MadeUpTree& MadeUpTree::mode(const fs::path& path, unsigned bits) {
  fs::permissions(folder_ / path.relative_path(), fs::perms{bits});
  return *this;
}

MadeUpTree& MadeUpTree::core(const std::string& address) {
  const fs::path device = fs::path("/sys/devices/platform") / (address + ".npu");
  file(device / "power/runtime_status", "suspended\n");
  link(device / "driver", "../../../bus/platform/drivers/rocket");
  link(fs::path("/sys/bus/platform/drivers/rocket") / (address + ".npu"),
       "../../../../devices/platform/" + address + ".npu");
  file(format_text("/sys/firmware/devicetree/base/npu@{}/compatible", address),
       "rockchip,rk3588-rknn-core\0"sv);
  file(format_text("/sys/firmware/devicetree/base/npu@{}/status", address), "okay\0"sv);
  file(format_text("/sys/firmware/devicetree/base/npu@{}/assigned-clock-rates", address),
       "\x0B\xEB\xC2\x00"sv);
  return *this;
}

MadeUpTree& MadeUpTree::board() {
  file("/proc/sys/kernel/osrelease", "6.18.0\n").file("/proc/sys/kernel/arch", "aarch64\n");
  file("/sys/firmware/devicetree/base/model", "Xunlong Orange Pi 5 Plus\0"sv);
  file("/sys/firmware/devicetree/base/compatible", "xunlong,orangepi-5-plus\0rockchip,rk3588\0"sv);
  link("/proc/device-tree", "/sys/firmware/devicetree/base");
  file("/sys/module/rocket/refcnt", "0\n");
  file("/sys/bus/platform/drivers/rocket/uevent", "");
  core("fdab0000").core("fdac0000").core("fdad0000");
  // The one DRM device hangs below a facade that no driver is bound to.
  file("/sys/devices/platform/rknn/uevent", "MODALIAS=platform:rknn\n");
  file("/sys/devices/platform/rknn/accel/accel0/dev", "261:0\n");
  link("/sys/devices/platform/rknn/accel/accel0/device", "../../../rknn");
  link("/sys/class/accel/accel0", "../../devices/platform/rknn/accel/accel0");
  file("/dev/accel/accel0", "").mode("/dev/accel/accel0", 0660);
  file("/sys/class/thermal/thermal_zone0/type", "package-thermal\n");
  file("/sys/class/thermal/thermal_zone0/temp", "61000\n");
  file("/sys/class/thermal/thermal_zone6/type", "npu-thermal\n");
  file("/sys/class/thermal/thermal_zone6/temp", "42500\n");
  file("/sys/class/thermal/thermal_zone6/trip_point_0_type", "critical\n");
  file("/sys/class/thermal/thermal_zone6/trip_point_0_temp", "115000\n");
  file("/proc/meminfo",
       "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:   12000000 kB\n"
       "CmaTotal:          65536 kB\nCmaFree:           60000 kB\n");
  file("/etc/group", "root:x:0:\nrender:x:105:\n");
  return file("/etc/passwd",
              "root:x:0:0:root:/root:/bin/sh\nalice:x:4242:4242::/home/alice:/bin/sh\n");
}

MadeUpTree& MadeUpTree::debian() {
  board();
  file("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 14 (forky)\"\nID=debian\n");
  return file("/usr/lib/teflon/libteflon.so", library_bytes("26.2.6-1"));
}

MadeUpTree& MadeUpTree::nixos() {
  board();
  file("/etc/os-release", "PRETTY_NAME=\"NixOS 26.11\"\nID=nixos\n");
  file("/nix/store/abc-mesa-26.2.6/lib/libteflon.so", library_bytes("26.2.6"));
  link("/nix/store/def-graphics-drivers/lib/libteflon.so",
       "/nix/store/abc-mesa-26.2.6/lib/libteflon.so");
  return link("/run/opengl-driver", "/nix/store/def-graphics-drivers");
}

MadeUpTree& MadeUpTree::container_on_nixos() {
  board();
  file("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 14 (forky)\"\nID=debian\n");
  folder("/var/run/secrets/kubernetes.io/serviceaccount");
  return link("/mesa-libs/libteflon.so", "/nix/store/abc-mesa-26.2.6/lib/libteflon.so");
}

std::string library_bytes(std::string_view mesa, std::uint16_t machine, std::string_view driver) {
  std::string out(64, '\0');
  out.replace(0, 4, "\177ELF");
  std::memcpy(out.data() + 18, &machine, sizeof(machine));
  for (const std::string_view text : {"1.8.2"sv, "tflite_plugin_create_delegate"sv,
                                      "tflite_plugin_destroy_delegate"sv, driver, mesa}) {
    out += text;
    out += '\0';
  }
  return out;
}

User member() { return {.uid = 1000, .gid = 1000, .groups = {105}}; }
User stranger() { return {.uid = 4242, .gid = 4242, .groups = {}}; }

Survey survey_of(const MadeUpTree& tree, SurveyOptions options) {
  options.elf_machine = elf_aarch64;
  Survey seen = survey(tree.root(), options);
  for (AccelNode& node : seen.nodes) {
    node.ownership.uid = 0;
    node.ownership.gid = 105;
  }
  return seen;
}
Survey survey_of(const MadeUpTree& tree, User user) {
  return survey_of(tree, SurveyOptions{.user = std::move(user)});
}

}  // namespace gantry::system::test
