#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry {

/// Cores that this process may keep busy: its CPU affinity, cut to the cgroup's quota (v2
/// `cpu.max`, v1 `cpu.cfs_quota_us`), rounded up; at least 1. `sys_root` is the folder with /sys
/// and /proc: "/", except in tests. Source: kernel Documentation/admin-guide/cgroup-v2.rst, "CPU
/// Interface Files".
[[nodiscard]] std::size_t available_cores(const std::filesystem::path& sys_root = "/");

/// CPU numbers of the kernel, ascending, each once.
using CpuList = std::vector<std::size_t>;

/// The kernel's list format, "0-3,6". Source: Documentation/admin-guide/cputopology.rst and
/// kernel-parameters.rst, "CPU lists". Numbers up to 1023. Error: invalid_argument.
[[nodiscard]] Result<CpuList> parse_cpu_list(std::string_view text);

/// The shortest text that parse_cpu_list() reads as `cpus`.
[[nodiscard]] std::string format_cpu_list(const CpuList& cpus);

/// The CPUs that the calling thread may run on.
[[nodiscard]] CpuList allowed_cpus();

/// The fast CPUs among `cpus`: those with at least three quarters of the highest capacity among
/// `cpus`. All of `cpus` if the kernel states no capacities. On an RK3588 they are the four
/// Cortex-A76. The capacities of these differ by some percent from chip to chip and from cluster to
/// cluster; the four Cortex-A55 have about a third. Source:
/// /sys/devices/system/cpu/cpuN/cpu_capacity, kernel Documentation/scheduler/sched-capacity.rst.
[[nodiscard]] CpuList big_cpus(const CpuList& cpus, const std::filesystem::path& sys_root = "/");

/// Binds the calling thread to `cpus`, and with it the threads and processes that it starts later.
/// Error: invalid_argument if none of `cpus` exists and is allowed.
[[nodiscard]] Result<> run_on(const CpuList& cpus);

}  // namespace gantry
