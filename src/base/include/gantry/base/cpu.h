#pragma once

#include <cstddef>
#include <filesystem>

namespace gantry {

/// Cores that this process may keep busy: its CPU affinity, cut to the cgroup's quota (v2
/// `cpu.max`, v1 `cpu.cfs_quota_us`), rounded up; at least 1. `sys_root` is where /sys and /proc
/// are: "/" but in tests. Source: kernel Documentation/admin-guide/cgroup-v2.rst, "CPU Interface
/// Files".
[[nodiscard]] std::size_t available_cores(const std::filesystem::path& sys_root = "/");

}  // namespace gantry
