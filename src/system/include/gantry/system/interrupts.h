#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gantry/system/root.h"

namespace gantry::system {

/// The interrupts of one NPU core since boot. Mainline's driver starts a job's tasks one by one and
/// gets an interrupt for each, so this also counts the tasks that the core finished.
struct CoreInterrupts {
  std::string core;   ///< the device's name, "fdab0000.npu"
  int interrupt = 0;  ///< the interrupt's number, the name of its folder in /proc/irq
  std::vector<std::uint64_t> per_cpu;  ///< in the order of the file's columns
  std::vector<int> cpus;               ///< the CPU of each column

  [[nodiscard]] std::uint64_t total() const;
};

/// The interrupts of the NPU's cores, sorted by name. Empty if the counters cannot be read, as in
/// containers that hide the file, or if no driver has an NPU's interrupt. Interrupts of the core's
/// IOMMU, which shares the line, are among them; there are none unless it faults.
/// Source: /proc/interrupts of proc(5); drivers/accel/rocket/rocket_job.c names the interrupt after
/// the core's device. Threads: thread-safe.
[[nodiscard]] std::vector<CoreInterrupts> read_npu_interrupts(const Root& root);

/// The NPU's work between two readings.
struct NpuWork {
  std::vector<std::uint64_t> tasks;  ///< of each core
  [[nodiscard]] std::uint64_t total() const;
};
/// Empty if one of the readings has no counters, or they are of different cores.
[[nodiscard]] std::optional<NpuWork> work_between(const std::vector<CoreInterrupts>& before,
                                                  const std::vector<CoreInterrupts>& after);

/// "41 tasks an inference on core 0", "41.5 tasks an inference on cores 0 and 2"; "no task" if the
/// NPU did nothing.
[[nodiscard]] std::string work_text(const NpuWork& work, std::uint64_t inferences);

}  // namespace gantry::system
