#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "checks.h"
#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "remedies.h"

namespace gantry::system {
namespace {

constexpr std::size_t cores_of_rk3588 = 3;  // rocket-npu.md D.5
constexpr const char* no_npu = "this machine has no RK3588";

Finding skipped(Finding finding, std::string why) {
  finding.status = Status::skipped;
  finding.why = std::move(why);
  return finding;
}

/// "6.18" of "6.18.0-rc1-amd64".
std::optional<std::pair<int, int>> version_of(const std::string& release) {
  const std::size_t dot = release.find('.');
  if (dot == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t end = release.find_first_not_of("0123456789", dot + 1);
  const auto major = parse_int(std::string_view(release).substr(0, dot));
  const auto minor = parse_int(std::string_view(release).substr(dot + 1, end - dot - 1));
  if (!major || !minor) {
    return std::nullopt;
  }
  return std::pair(static_cast<int>(*major), static_cast<int>(*minor));
}

std::string counted(std::size_t count, std::string_view what) {
  return format_text("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

std::string mhz(double hz) { return format_text("{:g} MHz", std::round(hz / 1e4) / 100); }

/// "crw-rw---- root (uid 0), render (gid 105)" without the owner where that is root.
std::string ownership_text(const Survey& survey, const Ownership& file) {
  return format_text("{}, {}, {}", mode_text(file.mode),
                     file.uid == 0 ? "root" : format_text("uid {}", file.uid),
                     group_text(survey.groups, file.gid));
}

std::string who(const Survey& survey) {
  return survey.user_name.empty() ? format_text("uid {}", survey.user.uid)
                                  : format_text("{} (uid {})", survey.user_name, survey.user.uid);
}

/// The groups that this user is in, by name where they have one.
std::string groups_of(const Survey& survey) {
  std::vector<std::string> out = {group_text(survey.groups, survey.user.gid)};
  for (const gid_t group : survey.user.groups) {
    if (group != survey.user.gid) {
      out.push_back(group_text(survey.groups, group));
    }
  }
  return joined(out);
}

constexpr const char* two_stacks =
    "There are two stacks for this NPU, and they exclude each other. The vendor's: kernel driver "
    "rknpu, "
    "librknnrt.so, models in .rknn files. Mainline's: kernel driver rocket, Mesa's Teflon, .tflite "
    "models. "
    "Gantry uses mainline's.";

}  // namespace

bool is_without_npu(const Survey& survey) {
  return !survey.board.is_rk3588 && survey.npu() == nullptr && !survey.kernel.has_rocket_driver &&
         !survey.kernel.has_vendor_driver;
}

Finding check_board(const Survey& survey) {
  Finding finding{.id = "board", .title = "Board", .wanted = "a board with a Rockchip RK3588"};
  const std::string machine = survey.kernel.machine.empty() ? "" : survey.kernel.machine + ", ";
  finding.found = machine + (survey.board.model.empty() ? "no device tree" : survey.board.model);
  if (survey.board.is_rk3588) {
    finding.status = Status::ok;
    finding.found += " (RK3588)";
  } else if (is_without_npu(survey)) {
    finding.status = Status::failure;
    finding.why =
        "This NPU is a part of the RK3588 (Orange Pi 5, Rock 5, …). Here, Gantry runs on the CPU.";
  } else {
    // The driver is here: better evidence than a name that we do not know.
    finding.status = Status::ok;
    finding.why = "The device tree does not say RK3588, but the NPU's driver is here.";
  }
  return finding;
}

Finding check_kernel(const Survey& survey) {
  Finding finding{.id = "kernel",
                  .title = "Kernel",
                  .wanted = "Linux 6.18 or newer, which has the rocket driver"};
  finding.found = survey.kernel.release.empty() ? "unknown" : "Linux " + survey.kernel.release;
  const auto version = version_of(survey.kernel.release);
  if (!version) {
    return skipped(std::move(finding), "/proc/sys/kernel/osrelease is not there");
  }
  if (*version >= std::pair(6, 18)) {
    finding.status = Status::ok;
  } else if (survey.kernel.has_rocket_driver) {
    finding.status = Status::warning;
    finding.why =
        "The rocket driver is here all the same: a backport, which may lack later mending.";
  } else {
    finding.status = Status::failure;
    finding.remedies = newer_kernel();
  }
  return finding;
}

Finding check_driver(const Survey& survey) {
  const Kernel& kernel = survey.kernel;
  Finding finding{.id = "driver", .title = "Kernel driver", .wanted = "rocket"};
  if (kernel.has_rocket_driver) {
    finding.status = Status::ok;
    finding.found = "rocket";
    return finding;
  }
  if (kernel.has_vendor_driver || survey.board.vendor_npu_nodes > 0) {
    finding.status = Status::failure;
    finding.found = kernel.has_vendor_driver
                        ? format_text("the vendor's rknpu ({})", kernel.vendor_sign)
                        : "the vendor's device tree (rockchip,rk3588-rknpu)";
    finding.why = two_stacks;
    finding.remedies = mainline_kernel_instead_of_vendors();
    return finding;
  }
  if (is_without_npu(survey)) {
    return skipped(std::move(finding), no_npu);
  }
  finding.status = Status::failure;
  const bool is_missing = kernel.is_rocket_configured == false;
  if (kernel.has_rocket_module_file || (kernel.is_rocket_configured == true)) {
    finding.found = "not loaded; this kernel has it";
    finding.remedies = load_driver();
  } else {
    finding.found = is_missing ? "not in this kernel (CONFIG_DRM_ACCEL_ROCKET is not set)"
                               : "not loaded, and no module found for this kernel";
    finding.remedies = is_missing ? kernel_with_driver() : load_driver();
    if (!is_missing) {
      std::ranges::move(kernel_with_driver(), std::back_inserter(finding.remedies));
    }
  }
  return finding;
}

Finding check_cores(const Survey& survey) {
  Finding finding{.id = "cores", .title = "NPU cores", .wanted = "3 cores bound to rocket"};
  if (!survey.kernel.has_rocket_driver) {
    return skipped(std::move(finding),
                   is_without_npu(survey) ? no_npu : "without the driver there are none");
  }
  std::vector<std::string> names;
  for (const NpuCore& core : survey.cores) {
    names.push_back(core.device);
  }
  finding.found =
      survey.cores.empty() ? "none" : format_text("{}: {}", names.size(), joined(names));
  if (survey.cores.size() >= cores_of_rk3588) {
    finding.status = Status::ok;
    return finding;
  }
  finding.status = survey.cores.empty() ? Status::failure : Status::warning;
  if (survey.board.npu_nodes > survey.board.enabled_npu_nodes) {
    finding.why =
        format_text("The device tree has {}, of which it enables {}.",
                    counted(survey.board.npu_nodes, "NPU node"), survey.board.enabled_npu_nodes);
    finding.remedies = enable_in_device_tree();
  } else if (survey.board.is_rk3588 && survey.board.npu_nodes == 0) {
    finding.why = "The device tree has no node rockchip,rk3588-rknn-core.";
    finding.remedies = enable_in_device_tree();
  } else {
    finding.remedies = find_out_why_no_core();
  }
  return finding;
}

Finding check_log(const Survey& survey) {
  Finding finding{.id = "log", .title = "Kernel log", .wanted = "the cores' lines, no timeouts"};
  if (is_without_npu(survey)) {
    return skipped(std::move(finding), no_npu);
  }
  if (!survey.log.was_read) {
    finding.remedies = {{.where = "", .text = "sudo dmesg | grep -iE 'rocket|npu'"}};
    return skipped(std::move(finding), "not readable for this user");
  }
  if (survey.log.timeouts > 0) {
    finding.status = Status::warning;
    finding.found = counted(survey.log.timeouts, "time") + " \"NPU job timed out\"";
    finding.why =
        "A job did not end within 500 ms; the kernel reset its core, and what ran got a wrong "
        "answer "
        "without a word.";
    finding.remedies = {{.where = "", .text = "sudo dmesg | grep -iE 'rocket|npu'"}};
  } else if (survey.log.cores.empty()) {
    return skipped(std::move(finding), "it says nothing of the NPU (any more)");
  } else {
    finding.status = Status::ok;
    finding.found = counted(survey.log.cores.size(), "core") + " announced, no timeouts";
  }
  return finding;
}

Finding check_node(const Survey& survey) {
  Finding finding{.id = "node",
                  .title = "Accel node",
                  .wanted = "a node of the driver rocket below /dev/accel"};
  std::vector<std::string> others;
  for (const AccelNode& node : survey.nodes) {
    if (!node.is_rocket()) {
      others.push_back(format_text("{} ({})", node.path.string(),
                                   node.driver.empty() ? "driver unknown" : node.driver));
    }
  }
  const std::string beside = others.empty() ? "" : "; beside it " + joined(others);
  const AccelNode* const node = survey.npu();
  if (node == nullptr) {
    if (others.empty() && is_without_npu(survey)) {
      finding.found = "none";
      return skipped(std::move(finding), no_npu);
    }
    finding.status = Status::failure;
    finding.found = others.empty() ? "none" : "only other devices': " + joined(others);
    if (survey.kernel.has_rocket_driver && !survey.cores.empty()) {
      finding.remedies = survey.container.is_container() ? device_into_container() : make_node();
    } else {
      finding.why = "It appears when the driver holds its first core.";
    }
    return finding;
  }
  if (!node->in_dev) {
    finding.status = Status::failure;
    finding.found = format_text("{} is missing, though the kernel has the device{}",
                                node->path.string(), beside);
    if (survey.container.is_container()) {
      finding.why = "The node was not given to this container.";
      finding.remedies = device_into_container();
    } else {
      finding.remedies = make_node();
    }
    return finding;
  }
  if (!node->is_device) {
    finding.status = Status::failure;
    finding.found = format_text("{} is no character device", node->path.string());
    finding.why = "A folder or a file was mounted or made there in its place.";
    finding.remedies = survey.container.is_container() ? device_into_container() : make_node();
    return finding;
  }
  finding.status = Status::ok;
  finding.found = node->path.string() + beside;
  return finding;
}

Finding check_access(const Survey& survey) {
  Finding finding{.id = "access", .title = "Access"};
  finding.wanted = format_text("{} may read and write the node", who(survey));
  const AccelNode* const node = survey.npu();
  if (node == nullptr || !node->in_dev) {
    return skipped(std::move(finding), is_without_npu(survey) ? no_npu : "there is no node");
  }
  finding.found = ownership_text(survey, node->ownership);
  const bool may = may_read_and_write(survey.user, node->ownership);
  const int error = node->opened ? node->opened->error : 0;
  if (error == 0 && (may || node->opened)) {
    finding.status = Status::ok;
    finding.found += node->opened ? "; it opens" : "";
    if ((node->ownership.mode & 06U) == 06U) {
      finding.why = "Everybody on this machine may use the NPU.";
    }
    return finding;
  }
  finding.status = Status::failure;
  if (may) {
    finding.found += format_text("; opening it fails: {}", errno_text(error));
    if (error == EPERM || error == EACCES) {
      finding.why = survey.container.is_container()
                        ? "The node's mode allows it, the container's device rules do not."
                        : "The node's mode allows it, something else does not: device rules of a "
                          "control group (systemd's DeviceAllow=), or a security module.";
      if (survey.container.is_container()) {
        finding.remedies = allow_in_container();
      }
    } else {
      finding.why = "The driver itself refuses; its reason is in the kernel's log.";
      finding.remedies = find_out_why_no_core();
    }
    return finding;
  }
  finding.found += format_text("; {} is in {}", who(survey), groups_of(survey));
  if ((node->ownership.mode & 060U) == 060U && node->ownership.gid != 0) {
    finding.remedies = user_into_group(survey, *node);
  } else {
    finding.why = "No group but root's may use the node.";
    finding.remedies = node_for_group();
  }
  return finding;
}

Finding check_group(const Survey& survey) {
  Finding finding{
      .id = "group", .title = "Group render", .wanted = "the node belongs to the group render"};
  if (is_without_npu(survey)) {
    return skipped(std::move(finding), no_npu);
  }
  const auto render = std::ranges::find(survey.groups, "render", &Group::name);
  const AccelNode* const node = survey.npu();
  const bool is_there = node != nullptr && node->in_dev;
  if (render == survey.groups.end()) {
    if (survey.container.is_container()) {
      return skipped(std::move(finding), "a container needs no name for it: the number counts");
    }
    finding.status = Status::warning;
    finding.found = "no group of that name";
    finding.why = "udev's rules give accel nodes to it; without it they stay root's.";
    finding.remedies = make_render_group();
    return finding;
  }
  finding.found = format_text("gid {}{}", render->gid,
                              survey.user.is_in(render->gid) ? "; this user is in it" : "");
  if (is_there && node->ownership.gid != render->gid) {
    finding.found +=
        format_text("; the node belongs to {}", group_text(survey.groups, node->ownership.gid));
    if (survey.container.is_container()) {
      finding.status = Status::ok;
      finding.why = "The number is the host's; the name here has no meaning.";
      return finding;
    }
    finding.status = Status::warning;
    finding.remedies = node_for_group();
    return finding;
  }
  finding.status = Status::ok;
  return finding;
}

Finding check_clock(const Survey& survey) {
  Finding finding{
      .id = "clock", .title = "Clock", .wanted = "200 MHz or more (the silicon's limit is 1 GHz)"};
  constexpr const char* mainline =
      "Mainline sets 200 MHz at boot and leaves it there: the driver scales nothing, so this is a "
      "fifth of what the "
      "silicon can do.";
  if (is_without_npu(survey)) {
    return skipped(std::move(finding), no_npu);
  }
  const auto hz = survey.clock.hz ? survey.clock.hz : survey.board.assigned_clock_hz;
  if (!hz) {
    finding.found = survey.clock.was_denied ? "readable for root only" : "not shown";
    finding.remedies = {
        {.where = "", .text = "sudo cat /sys/kernel/debug/clk/scmi_clk_npu/clk_rate"}};
    return skipped(std::move(finding), mainline);
  }
  finding.found = mhz(*hz) + (survey.clock.hz ? format_text(" ({})", survey.clock.source)
                                              : ", as the device tree sets it at boot");
  finding.status = *hz < 199e6 ? Status::warning : Status::ok;
  if (*hz < 201e6) {
    finding.why = mainline;
  }
  return finding;
}

Finding check_temperature(const Survey& survey) {
  Finding finding{.id = "temperature", .title = "Temperature", .wanted = "below 85 °C"};
  if (!survey.temperature) {
    return skipped(std::move(finding),
                   is_without_npu(survey) ? no_npu : "no thermal zone of the NPU (npu-thermal)");
  }
  const Temperature& now = *survey.temperature;
  finding.found =
      format_text("{:.1f} °C ({}{})", now.celsius, now.zone,
                  now.critical ? format_text(", turns off at {:g} °C", *now.critical) : "");
  const bool is_hot = now.celsius >= 85 || (now.critical && now.celsius >= *now.critical - 10);
  finding.status = is_hot ? Status::warning : Status::ok;
  if (is_hot) {
    finding.remedies = cool();
  }
  return finding;
}

Finding check_memory(const Survey& survey) {
  constexpr std::uint64_t least = std::uint64_t{256} << 20U;  // a detector's buffers, thrice
  Finding finding{.id = "memory", .title = "Memory", .wanted = "256 MB available"};
  if (survey.memory.total == 0) {
    return skipped(std::move(finding), "/proc/meminfo is not there");
  }
  finding.found = format_text("{} of {} available", human_bytes(survey.memory.available),
                              human_bytes(survey.memory.total));
  if (survey.memory.cma_total) {
    finding.found += format_text("; CMA {}, not needed", human_bytes(*survey.memory.cma_total));
    finding.why = "The driver takes ordinary pages, through the NPU's IOMMU.";
  }
  finding.status = survey.memory.available < least ? Status::warning : Status::ok;
  return finding;
}

}  // namespace gantry::system
