#include "system_root.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "gantry/base/format.h"

namespace gantry::emulator {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view node = "dev/accel/accel0";
constexpr std::string_view temperature = "sys/class/thermal/thermal_zone6/temp";
constexpr std::string_view clock_rate = "sys/kernel/debug/clk/scmi_clk_npu/clk_rate";
/// The release that docs/emulator.md promises; any from 6.18 on has the driver.
constexpr std::string_view release = "6.18.12-gantry-emulator";

struct TextFile {
  std::string_view path;
  std::string_view text;
};

constexpr std::array<TextFile, 19> files = {{
    {node, ""},
    {"proc/modules",
     "rocket 28672 0 - Live 0x0000000000000000\n"
     "drm_shmem_helper 24576 1 rocket, Live 0x0000000000000000\n"
     "gpu_sched 65536 1 rocket, Live 0x0000000000000000\n"},
    {"proc/devices", "Character devices:\n226 drm\n261 accel\n\nBlock devices:\n"},
    {"proc/meminfo",
     "MemTotal:       16384000 kB\nMemFree:        12000000 kB\nMemAvailable:   14000000 kB\n"
     "CmaTotal:          65536 kB\nCmaFree:           60000 kB\n"},
    {"proc/device-tree/model", {"Emulated RK3588 board\0", 22}},
    {"proc/device-tree/compatible", {"rockchip,rk3588\0", 16}},
    {"sys/class/accel/accel0/dev", "261:0\n"},
    {"sys/class/accel/accel0/uevent", "MAJOR=261\nMINOR=0\nDEVNAME=accel/accel0\n"},
    {"sys/module/rocket/initstate", "live\n"},
    {"sys/module/rocket/refcnt", "0\n"},
    {"sys/class/thermal/thermal_zone0/type", "package-thermal\n"},
    {"sys/class/thermal/thermal_zone0/temp", "41600\n"},
    {"sys/class/thermal/thermal_zone6/type", "npu-thermal\n"},
    {temperature, "42500\n"},
    {"sys/class/thermal/thermal_zone6/trip_point_0_temp", "115000\n"},
    {"sys/class/thermal/thermal_zone6/trip_point_0_type", "critical\n"},
    {clock_rate, "200000000\n"},
    {"sys/kernel/debug/clk/clk_summary",
     "                                 enable  prepare  protect\n"
     "   clock                          count    count    count        rate\n"
     "    scmi_clk_npu                       1        1        0   200000000\n"},
    {"etc/group", "root:x:0:\nvideo:x:44:\nrender:x:105:\n"},
}};

/// The three cores' addresses: rocket-npu.md D.5.
constexpr std::array<std::string_view, 3> cores = {"fdab0000.npu", "fdac0000.npu", "fdad0000.npu"};

/// Collects the first failure of a sequence of steps.
class Steps {
 public:
  explicit Steps(fs::path root) : root_(std::move(root)) {}

  void write(const fs::path& relative, std::string_view text) {
    const fs::path path = root_ / relative;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    note(error, path);
    std::ofstream out(path, std::ios::binary);
    out << text;
    if (!out.flush()) {
      note(std::make_error_code(std::errc::io_error), path);
    }
  }
  /// A link as sysfs makes it: relative, so that the tree can be anywhere.
  void link(const fs::path& relative, const fs::path& target) {
    const fs::path path = root_ / relative;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    note(error, path);
    fs::create_symlink(fs::path(target).lexically_relative(relative.parent_path()), path, error);
    note(error, path);
  }
  [[nodiscard]] Result<> result() const {
    return first_.empty() ? Result<>{} : fail(Code::unavailable, first_);
  }

 private:
  void note(const std::error_code& error, const fs::path& path) {
    if (error && first_.empty()) {
      first_ = format_text("{}: {}", path.string(), error.message());
    }
  }
  fs::path root_;
  std::string first_;
};

void write_core(Steps& steps, std::size_t index) {
  const std::string name(cores.at(index));
  const fs::path device = fs::path("sys/devices/platform") / name;
  steps.write(device / "uevent",
              format_text("DRIVER=rocket\nOF_NAME=npu\nOF_FULLNAME=/npu@{}\n"
                          "OF_COMPATIBLE_0=rockchip,rk3588-rknn-core\nOF_COMPATIBLE_N=1\n",
                          name.substr(0, 8)));
  steps.write(device / "power/runtime_status", "suspended\n");
  steps.write(device / "power/control", "auto\n");
  steps.link(device / "driver", "sys/bus/platform/drivers/rocket");
  steps.link(fs::path("sys/bus/platform/drivers/rocket") / name, device);
  steps.link(fs::path("sys/bus/platform/devices") / name, device);
  steps.write(fs::path("sys/firmware/devicetree/base") / format_text("npu@{}", name.substr(0, 8)) /
                  "compatible",
              {"rockchip,rk3588-rknn-core\0", 26});
}

}  // namespace

Result<SystemRoot> SystemRoot::make(const fs::path& root) {
  Steps steps(root);
  for (const auto& file : files) {
    steps.write(file.path, file.text);
  }
  steps.write("proc/sys/kernel/osrelease", format_text("{}\n", release));
  steps.write("proc/version",
              format_text("Linux version {} (gantry-emulator) #1 SMP PREEMPT\n", release));
  steps.link("sys/bus/platform/drivers/rocket/module", "sys/module/rocket");
  for (std::size_t index = 0; index < cores.size(); ++index) {
    write_core(steps, index);
  }
  // One DRM device stands before the three cores; the kernel hangs it below the first.
  steps.link("sys/class/accel/accel0/device", fs::path("sys/devices/platform") / cores[0]);
  if (const auto done = steps.result(); !done) {
    return std::unexpected(done.error());
  }
  SystemRoot made(root);
  made.show_node(true, true);
  return made;
}

void SystemRoot::show_node(bool is_there, bool is_allowed) const {
  std::error_code ignored;  // a tree that somebody else has taken away is not ours to mend
  if (!is_there) {
    fs::remove(root_ / node, ignored);
    return;
  }
  if (!fs::exists(root_ / node, ignored)) {
    const std::ofstream made(root_ / node);
  }
  fs::permissions(root_ / node, is_allowed ? fs::perms{0660} : fs::perms{0}, ignored);
}

void SystemRoot::set_temperature(double celsius) const {
  std::ofstream(root_ / temperature) << std::llround(celsius * 1000) << '\n';
}

void SystemRoot::set_clock(double hz) const {
  std::ofstream(root_ / clock_rate) << std::llround(hz) << '\n';
}

}  // namespace gantry::emulator
