#include "gantry/base/cpu.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry {
namespace {

constexpr std::size_t max_file = 65536;
constexpr std::int64_t last_cpu = CPU_SETSIZE - 1;

std::optional<std::int64_t> read_number(const std::filesystem::path& path) {
  const auto text = read_text_file(path, max_file);
  if (!text) {
    return std::nullopt;
  }
  const std::string_view view = *text;
  return parse_int(view.substr(0, view.find('\n')));
}

/// Quota in cores of one cgroup folder; empty if it sets none.
std::optional<double> quota_v2(const std::filesystem::path& folder) {
  const auto text = read_text_file(folder / "cpu.max", max_file);
  if (!text) {
    return std::nullopt;
  }
  const std::string_view view = *text;  // "200000 100000\n" or "max 100000\n"
  const auto space = view.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  const auto quota = parse_int(view.substr(0, space));
  const auto rest = view.substr(space + 1);
  const auto period = parse_int(rest.substr(0, rest.find('\n')));
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

/// Path of this process' cgroup in the v2 hierarchy: the line "0::/…" of /proc/self/cgroup.
std::string cgroup_path(const std::filesystem::path& sys_root) {
  const auto text = read_text_file(sys_root / "proc/self/cgroup", max_file);
  if (!text) {
    return "";
  }
  const auto line = text->find("0::/");
  if (line == std::string::npos) {
    return "";
  }
  const auto begin = line + 4;
  return text->substr(begin, text->find('\n', begin) - begin);
}

}  // namespace

std::size_t available_cores(const std::filesystem::path& sys_root) {
  auto cores = static_cast<double>(std::max<std::size_t>(1, allowed_cpus().size()));
  const std::filesystem::path groups = sys_root / "sys/fs/cgroup";
  // A limit may sit on any ancestor; the tightest holds.
  for (std::filesystem::path group = groups / cgroup_path(sys_root);; group = group.parent_path()) {
    if (const auto quota = quota_v2(group)) {
      cores = std::min(cores, *quota);
    }
    if (group == groups) {
      break;  // reached in the end: every parent of groups/… is one lexically
    }
  }
  const auto quota = read_number(groups / "cpu/cpu.cfs_quota_us");
  const auto period = read_number(groups / "cpu/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) {
    cores = std::min(cores, static_cast<double>(*quota) / static_cast<double>(*period));
  }
  const auto whole = static_cast<std::size_t>(cores);
  return std::max<std::size_t>(1, static_cast<double>(whole) < cores ? whole + 1 : whole);
}

Result<CpuList> parse_cpu_list(std::string_view text) {
  CpuList cpus;
  for (std::string_view rest = text;;) {
    const std::string_view range = rest.substr(0, rest.find(','));
    const auto dash = range.find('-');
    const auto first = parse_int(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_int(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last > last_cpu) {
      return fail(
          Code::invalid_argument,
          format_text("want numbers of CPUs such as 4-7 or 0,2,4-6 (up to {}), found \"{}\"",
                      last_cpu, text));
    }
    for (auto cpu = *first; cpu <= *last; ++cpu) {
      cpus.push_back(static_cast<std::size_t>(cpu));
    }
    if (range.size() == rest.size()) {
      break;
    }
    rest.remove_prefix(range.size() + 1);
  }
  std::ranges::sort(cpus);
  cpus.erase(std::ranges::unique(cpus).begin(), cpus.end());
  return cpus;
}

std::string format_cpu_list(const CpuList& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) {
      ++end;
    }
    text += text.empty() ? "" : ",";
    text +=
        end - i == 1 ? format_text("{}", cpus[i]) : format_text("{}-{}", cpus[i], cpus[end - 1]);
    i = end;
  }
  return text;
}

CpuList allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CpuList cpus;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) {
        cpus.push_back(cpu);
      }
    }
  }
  return cpus;
}

CpuList big_cpus(const CpuList& cpus, const std::filesystem::path& sys_root) {
  std::vector<std::int64_t> capacities;
  for (const auto cpu : cpus) {
    const auto capacity =
        read_number(sys_root / format_text("sys/devices/system/cpu/cpu{}/cpu_capacity", cpu));
    if (!capacity || *capacity <= 0) {
      return cpus;
    }
    capacities.push_back(*capacity);
  }
  CpuList big;
  // Divided first: a file may say anything.
  const std::int64_t least = cpus.empty() ? 0 : std::ranges::max(capacities) / 4 * 3;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    if (capacities[i] >= least) {
      big.push_back(cpus[i]);
    }
  }
  return big;
}

Result<> run_on(const CpuList& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const auto cpu : cpus) {
    if (cpu < CPU_SETSIZE) {
      CPU_SET(cpu, &set);
    }
  }
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) {
    return fail(Code::invalid_argument,
                format_text("none of these CPUs is there and allowed: {}", errno_text(errno)));
  }
  return {};
}

}  // namespace gantry
