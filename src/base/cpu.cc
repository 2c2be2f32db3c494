#include "gantry/base/cpu.h"

#include <sched.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/file.h"
#include "gantry/base/text.h"

namespace gantry {
namespace {

constexpr std::size_t max_file = 65536;

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
  cpu_set_t set;
  CPU_ZERO(&set);
  double cores = 1;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    cores = std::max(1, CPU_COUNT(&set));
  }
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

}  // namespace gantry
