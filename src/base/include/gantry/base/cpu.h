#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry {

/// Cores that this process may keep busy: its CPU affinity, cut to the cgroup's quota (v2
/// `cpu.max`, v1 `cpu.cfs_quota_us`), rounded up; at least 1. `sys_root` is where /sys and /proc
/// are: "/" but in tests. Source: kernel Documentation/admin-guide/cgroup-v2.rst, "CPU Interface
/// Files".
[[nodiscard]] std::size_t available_cores(const std::filesystem::path& sys_root = "/");

/// Numbers of CPUs as the kernel counts them, ascending, each once.
using CpuList = std::vector<std::size_t>;

/// The kernel's list format, "0-3,6". Source: Documentation/admin-guide/cputopology.rst and
/// kernel-parameters.rst, "CPU lists". Numbers up to 1023. Error: invalid_argument.
[[nodiscard]] Result<CpuList> parse_cpu_list(std::string_view text);

/// The other way round, as short as can be.
[[nodiscard]] std::string format_cpu_list(const CpuList& cpus);

/// The CPUs that the calling thread may run on.
[[nodiscard]] CpuList allowed_cpus();

/// Those of `cpus` that are fast: at least three quarters of the highest capacity among them. All
/// of them where the kernel tells of no capacities. On an RK3588 these are the four Cortex-A76,
/// whose capacities differ by some percent from chip to chip and cluster to cluster; the four
/// Cortex-A55 have about a third. Source: /sys/devices/system/cpu/cpuN/cpu_capacity, kernel
/// Documentation/scheduler/sched-capacity.rst.
[[nodiscard]] CpuList big_cpus(const CpuList& cpus, const std::filesystem::path& sys_root = "/");

/// Binds the calling thread, and with it the threads and processes that it starts from now on.
/// Error: invalid_argument where none of them is there or allowed.
[[nodiscard]] Result<> run_on(const CpuList& cpus);

}  // namespace gantry
