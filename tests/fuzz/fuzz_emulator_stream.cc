// What an emulated NPU reads from the processes that use it: register streams, executed on a memory
// that is part of the input, and lists of jobs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "gantry/emulator_compute/execute.h"
#include "gantry/emulator_device/timing.h"
#include "gantry/emulator_stream/conv_task.h"
#include "gantry/emulator_worker/job_list.h"

namespace {

using namespace gantry::emulator;

/// 64 KiB in which every access is checked by the sanitizer.
class SmallMemory : public Memory {
 public:
  explicit SmallMemory(std::span<const std::byte> contents) {
    std::copy_n(contents.begin(), std::min(contents.size(), bytes_.size()), bytes_.begin());
  }
  [[nodiscard]] std::byte* at(std::uint64_t address, std::uint64_t bytes) const override {
    return bytes <= bytes_.size() && address <= bytes_.size() - bytes ? bytes_.data() + address
                                                                      : nullptr;
  }

 private:
  mutable std::vector<std::byte> bytes_ = std::vector<std::byte>(1U << 16U);
};

void must(bool fact) {
  if (!fact) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto jobs = read_jobs(bytes)) {
    must(jobs->size() <= size / 12 + 1);
  }
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  if (!words.empty()) {
    std::memcpy(words.data(), data, words.size() * sizeof(std::uint64_t));
  }
  const auto task = parse_task(words);
  if (!task) {
    return 0;
  }
  must(task_time(*task, 200e6) > std::chrono::nanoseconds(0));
  // More would be right and take long; the device's watchdog ends such jobs too.
  if (task->macs() * (task->input.lanes / task->input.channels + 1) > 1U << 22U) {
    return 0;
  }
  const SmallMemory fast(bytes);
  const SmallMemory plain(bytes);
  const bool done = execute(*task, fast, {}).has_value();
  must(done == execute(*task, plain, {.reference = true}).has_value());
  // Operands that overlap the output depend on the order of the work: nothing to compare there.
  const SmallMemory quirks(bytes);
  must(done == execute(*task, quirks, {.depthwise_pad_lanes = true}).has_value());
  return 0;
}
