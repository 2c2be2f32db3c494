#include "gantry/system/survey.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>
#include <string_view>
#include <utility>

#include "gantry/base/text.h"

namespace gantry::system {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mainline_binding = "rockchip,rk3588-rknn-core";
constexpr std::string_view vendor_binding = "rockchip,rk3588-rknpu";

/// The value of "key=value" in a file of such lines, its quotes taken off.
std::string value_of(std::string_view text, std::string_view key) {
  for (const auto part : text | std::views::split('\n')) {
    std::string_view line(part);
    if (!line.starts_with(key) || line.substr(key.size(), 1) != "=") {
      continue;
    }
    line.remove_prefix(key.size() + 1);
    if (line.size() >= 2 && line.front() == '"' && line.back() == '"') {
      line = line.substr(1, line.size() - 2);
    }
    return std::string(line);
  }
  return {};
}

/// Whether a property of the device tree, strings with a NUL behind each, has this one.
bool has_string(std::string_view property, std::string_view wanted) {
  return std::ranges::any_of(property | std::views::split('\0'), [wanted](const auto string) {
    return std::string_view(string) == wanted;
  });
}

// ---- kernel and board

void find_vendor_driver(const Root& root, Kernel& kernel) {
  for (const char* sign : {"/sys/module/rknpu", "/sys/bus/platform/drivers/RKNPU", "/proc/rknpu",
                           "/sys/kernel/debug/rknpu", "/dev/rknpu"}) {
    if (root.exists(sign)) {
      kernel.vendor_sign = sign;
      break;
    }
  }
  if (kernel.vendor_sign.empty()) {
    for (const std::string& name : root.names("/dev")) {
      if (name.starts_with("rknpu")) {
        kernel.vendor_sign = "/dev/" + name;
        break;
      }
    }
  }
  kernel.has_vendor_driver = !kernel.vendor_sign.empty();
}

Kernel read_kernel(const Root& root) {
  Kernel kernel;
  kernel.release = root.line("/proc/sys/kernel/osrelease");
  kernel.machine = root.line("/proc/sys/kernel/arch");  // Linux 6.1 and newer
  utsname own{};
  if (kernel.machine.empty() && root.is_real() && ::uname(&own) == 0) {
    kernel.machine = own.machine;
  }
  kernel.has_rocket_driver =
      root.exists("/sys/bus/platform/drivers/rocket") || root.exists("/sys/module/rocket");
  for (const char* modules : {"/lib/modules/", "/run/current-system/kernel-modules/lib/modules/"}) {
    const std::string folder = modules + kernel.release + "/kernel/drivers/accel/rocket";
    kernel.has_rocket_module_file = kernel.has_rocket_module_file || !root.names(folder).empty();
  }
  if (const auto config = root.read("/boot/config-" + kernel.release, std::size_t{1} << 20U)) {
    const std::string value = value_of(*config, "CONFIG_DRM_ACCEL_ROCKET");
    kernel.is_rocket_configured = value == "y" || value == "m";
  }
  find_vendor_driver(root, kernel);
  return kernel;
}

Board read_board(const Root& root) {
  constexpr const char* tree = "/sys/firmware/devicetree/base";
  Board board;
  board.model = root.line("/proc/device-tree/model");
  for (const char* base : {tree, "/proc/device-tree"}) {
    if (board.model.empty()) {
      board.model = root.line(fs::path(base) / "model");
    }
    const std::string compatible = root.read(fs::path(base) / "compatible").value_or("");
    board.is_rk3588 = board.is_rk3588 || has_string(compatible, "rockchip,rk3588") ||
                      has_string(compatible, "rockchip,rk3588s");
  }
  for (const fs::path& folder : {fs::path(tree), fs::path(tree) / "soc"}) {
    for (const std::string& name : root.names(folder)) {
      if (!name.starts_with("npu")) {
        continue;
      }
      const fs::path node = folder / name;
      const std::string compatible = root.read(node / "compatible").value_or("");
      const std::string status = root.line(node / "status");
      if (has_string(compatible, vendor_binding)) {
        ++board.vendor_npu_nodes;
      }
      if (!has_string(compatible, mainline_binding)) {
        continue;
      }
      ++board.npu_nodes;
      if (status.empty() || status == "okay" || status == "ok") {
        ++board.enabled_npu_nodes;
      }
      std::array<unsigned char, 4> rate{};  // big-endian, as all of the device tree
      const std::string raw = root.read(node / "assigned-clock-rates").value_or("");
      if (raw.size() >= rate.size()) {
        std::memcpy(rate.data(), raw.data(), rate.size());
        board.assigned_clock_hz =
            (rate[0] * 16777216.0) + (rate[1] * 65536.0) + (rate[2] * 256.0) + rate[3];
      }
    }
  }
  return board;
}

Distribution read_distribution(const Root& root) {
  std::string text = root.read("/etc/os-release").value_or("");
  if (text.empty()) {
    text = root.read("/usr/lib/os-release").value_or("");
  }
  return {.id = value_of(text, "ID"), .name = value_of(text, "PRETTY_NAME")};
}

// ---- container

std::string container_kind(const Root& root) {
  if (root.exists("/var/run/secrets/kubernetes.io") || root.exists("/run/secrets/kubernetes.io")) {
    return "kubernetes";
  }
  const std::string groups = root.read("/proc/self/cgroup").value_or("");
  const std::string mounts = root.read("/proc/self/mountinfo", std::size_t{1} << 20U).value_or("");
  if (groups.contains("kubepods") || mounts.contains("/kubelet/pods/")) {
    return "kubernetes";
  }
  if (root.exists("/run/.containerenv")) {
    return "podman";
  }
  if (root.exists("/.dockerenv")) {
    return "docker";
  }
  if (const std::string kind = root.line("/run/systemd/container"); !kind.empty()) {
    return kind;
  }
  for (const std::string_view word : {"docker", "libpod", "lxc", "containerd"}) {
    if (groups.contains(word)) {
      return word == "libpod" ? "podman" : std::string(word);
    }
  }
  return {};
}

Container read_container(const Root& root) {
  Container container{.kind = container_kind(root), .mounts = {}};
  const std::string text = root.read("/proc/self/mountinfo", std::size_t{1} << 20U).value_or("");
  for (const auto line : text | std::views::split('\n')) {
    std::size_t index = 0;
    for (const auto field : line | std::views::split(' ')) {
      if (index++ == 4) {  // the mount point: proc(5)
        container.mounts.emplace_back(std::string_view(field));
      }
    }
  }
  return container;
}

// ---- device

/// The driver's name of an accel node. rocket hangs its one DRM device below a facade device
/// "rknn" that no driver is bound to (drivers/accel/rocket/rocket_drv.c of Linux 6.18), and binds
/// "rocket" to the cores; other drivers' nodes hang below the device they are bound to.
std::string driver_of(const Root& root, const fs::path& node) {
  const fs::path device = root.resolve(node / "device").path;
  if (const Resolved driver = root.resolve(device / "driver"); driver.exists) {
    return driver.path.filename().string();
  }
  const std::string uevent = root.read(device / "uevent").value_or("");
  if (const std::string name = value_of(uevent, "DRIVER"); !name.empty()) {
    return name;
  }
  const bool is_facade = device.filename().string().starts_with("rknn") ||
                         value_of(uevent, "MODALIAS") == "platform:rknn";
  return is_facade && root.exists("/sys/bus/platform/drivers/rocket") ? "rocket" : "";
}

void look_in_dev(const Root& root, AccelNode& node) {
  struct stat status{};
  const Resolved at = root.resolve(node.path);
  if (!at.exists || ::stat(root.outside(at.path).c_str(), &status) != 0) {
    return;
  }
  node.in_dev = true;
  node.is_device = S_ISCHR(status.st_mode) || (!root.is_real() && S_ISREG(status.st_mode));
  node.ownership = {.uid = status.st_uid, .gid = status.st_gid, .mode = status.st_mode & 0777U};
}

std::vector<AccelNode> read_nodes(const Root& root, const SurveyOptions& options) {
  std::vector<AccelNode> nodes;
  const auto add = [&](const std::string& name) {
    nodes.push_back({.name = name, .path = fs::path("/dev/accel") / name});
  };
  for (const std::string& name : root.names("/sys/class/accel")) {
    if (name.starts_with("accel")) {
      add(name);
      nodes.back().in_sysfs = true;
      nodes.back().driver = driver_of(root, fs::path("/sys/class/accel") / name);
    }
  }
  for (const std::string& name : root.names("/dev/accel")) {
    if (std::ranges::find(nodes, name, &AccelNode::name) == nodes.end()) {
      add(name);
    }
  }
  for (AccelNode& node : nodes) {
    look_in_dev(root, node);
    if (node.in_dev && options.open_node) {
      node.opened = options.open_node(node.path);
      if (!node.opened->driver.empty()) {
        node.driver = node.opened->driver;  // DRM's own word
      }
    }
  }
  return nodes;
}

std::vector<NpuCore> read_cores(const Root& root) {
  std::vector<NpuCore> cores;
  const fs::path driver = "/sys/bus/platform/drivers/rocket";
  for (const std::string& name : root.names(driver)) {
    // Beside the devices there are bind, unbind, uevent and module.
    if (name.ends_with(".npu")) {
      cores.push_back({.device = name, .power = root.line(driver / name / "power/runtime_status")});
    }
  }
  std::ranges::sort(cores, {}, &NpuCore::device);
  return cores;
}

// ---- telemetry

NpuClock read_clock(const Root& root) {
  NpuClock clock;
  std::vector<fs::path> files;
  for (const std::string& name : root.names("/sys/class/devfreq")) {
    if (name.contains("npu")) {
      files.push_back(fs::path("/sys/class/devfreq") / name / "cur_freq");
    }
  }
  for (const char* name : {"scmi_clk_npu", "clk_npu"}) {
    files.push_back(fs::path("/sys/kernel/debug/clk") / name / "clk_rate");
  }
  for (const fs::path& file : files) {
    if (const auto hz = root.number(file)) {
      clock.hz = hz;
      clock.source = file.string();
      return clock;
    }
    const Resolved at = root.resolve(file);
    clock.was_denied = clock.was_denied || at.exists || !at.reason.empty();
  }
  return clock;
}

std::optional<Temperature> read_temperature(const Root& root) {
  for (const std::string& name : root.names("/sys/class/thermal")) {
    const fs::path zone = fs::path("/sys/class/thermal") / name;
    const std::string type = root.line(zone / "type");
    const auto reading = root.number(zone / "temp");
    if (!type.starts_with("npu") || !reading) {
      continue;
    }
    Temperature out{.celsius = *reading / 1000, .critical = {}, .zone = type};
    for (const std::string& file : root.names(zone)) {
      if (file.starts_with("trip_point_") && file.ends_with("_type") &&
          root.line(zone / file) == "critical") {
        const std::string stem = file.substr(0, file.size() - std::strlen("type"));
        if (const auto critical = root.number(zone / (stem + "temp"))) {
          out.critical = *critical / 1000;
        }
      }
    }
    return out;
  }
  return std::nullopt;
}

Memory read_memory(const Root& root) {
  Memory memory;
  const std::string text = root.read("/proc/meminfo").value_or("");
  const auto bytes_of = [&](std::string_view key) -> std::optional<std::uint64_t> {
    for (const auto part : text | std::views::split('\n')) {
      std::string_view line(part);
      if (line.starts_with(key) && line.substr(key.size(), 1) == ":") {
        line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
        if (const auto kib = parse_int(line.substr(0, line.find(' ')))) {
          return static_cast<std::uint64_t>(*kib) * 1024;
        }
      }
    }
    return std::nullopt;
  };
  memory.total = bytes_of("MemTotal").value_or(0);
  memory.available = bytes_of("MemAvailable").value_or(0);
  memory.cma_total = bytes_of("CmaTotal");
  memory.cma_free = bytes_of("CmaFree");
  return memory;
}

KernelLog read_log(const SurveyOptions& options) {
  KernelLog log;
  const auto text = options.kernel_log ? options.kernel_log() : std::nullopt;
  if (!text) {
    return log;
  }
  log.was_read = true;
  for (const auto part : *text | std::views::split('\n')) {
    const std::string_view line(part);
    if (line.contains("Rockchip NPU core")) {
      log.cores.emplace_back(line);
    } else if (line.contains("NPU job timed out")) {
      ++log.timeouts;
    }
  }
  return log;
}

}  // namespace

bool Container::has_mount(std::string_view path) const {
  return std::ranges::find(mounts, path) != mounts.end();
}

const AccelNode* Survey::npu() const {
  const auto is_open = [](const AccelNode& node) {
    return node.is_rocket() && node.opened && node.opened->error == 0;
  };
  auto found = std::ranges::find_if(nodes, is_open);
  if (found == nodes.end()) {
    found = std::ranges::find_if(
        nodes, [](const AccelNode& node) { return node.is_rocket() && node.in_dev; });
  }
  if (found == nodes.end()) {
    found = std::ranges::find_if(nodes, &AccelNode::is_rocket);
  }
  return found == nodes.end() ? nullptr : &*found;
}

Survey survey(const Root& root, const SurveyOptions& options) {
  Survey out;
  out.kernel = read_kernel(root);
  out.board = read_board(root);
  out.distribution = read_distribution(root);
  out.container = read_container(root);
  out.nodes = read_nodes(root, options);
  out.cores = read_cores(root);
  if (const fs::path target = root.link_target("/dev/dri/renderD180"); !target.empty()) {
    out.render_d180 = target.string();
  }
  out.user = options.user;
  out.user_name = user_name(root, options.user.uid);
  out.groups = read_groups(root);
  out.teflon = find_teflon(root, options.teflon, options.system_closure, options.elf_machine);
  out.clock = read_clock(root);
  out.temperature = read_temperature(root);
  out.memory = read_memory(root);
  out.log = read_log(options);
  out.is_real = root.is_real();
  out.elf_machine = options.elf_machine;
  return out;
}

}  // namespace gantry::system
