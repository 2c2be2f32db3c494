#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/emulator_device/address_space.h"
#include "gantry/emulator_device/settings.h"
#include "gantry/emulator_device/timing.h"

namespace gantry::emulator {

/// One register stream of a job.
struct TaskWords {
  std::uint32_t address = 0;
  std::uint32_t words = 0;  ///< of 64 bits
};

/// One job as SUBMIT hands it over.
struct JobRequest {
  std::vector<TaskWords> tasks;
  std::vector<std::uint32_t> in_handles;
  std::vector<std::uint32_t> out_handles;
};

struct CreatedBo {
  std::uint32_t handle = 0;
  std::uint32_t address = 0;
};

struct DeviceStatus {
  std::uint64_t files = 0;
  std::uint64_t buffers = 0;
  std::uint64_t submits = 0;
  std::uint64_t jobs = 0;  ///< jobs that ran to their end
  std::uint64_t tasks = 0;
  std::uint64_t macs = 0;
  /// Jobs that the kernel did not accept: they never ran, and no error was reported.
  std::uint64_t dropped = 0;
  std::uint64_t lost = 0;  ///< jobs lost by a fault
  std::uint64_t timeouts = 0;
  std::uint64_t failed = 0;  ///< jobs stopped by an unmapped address or an unknown stream
  std::array<double, 3> busy_seconds{};
  std::string last_failure;
};

class File;

/// An NPU of three cores and its kernel driver: open files with address spaces and buffer objects,
/// jobs in queues, and cores that run the jobs.
/// Scheduling: a file's jobs run in order, and all on one core while it has any; an idle file that
/// submits goes to the core with the fewest jobs; among its files a core takes the oldest job.
/// Threads: thread-safe; has one thread a core. Files must be gone before their device.
/// Source: rocket-npu.md D.
class Device {
 public:
  static constexpr std::size_t cores = 3;

  /// The settings must outlive the device.
  explicit Device(Settings& settings);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// open(2). Errors: ENOENT, EACCES (faults), ENOMEM.
  [[nodiscard]] IoResult<std::shared_ptr<File>> open();
  /// Removes the device: from now on open files answer ENODEV, waiting calls return, and no job
  /// begins.
  void vanish();

  [[nodiscard]] DeviceStatus status() const;

 private:
  friend class File;
  struct Bo;
  struct Job;
  struct FileState;

  /// Ends the cores' threads and joins them.
  void stop();
  void core_thread(std::size_t core);
  [[nodiscard]] std::shared_ptr<FileState> next_for(std::size_t core) const;
  void run(std::size_t core, FileState& file, const Job& job);
  [[nodiscard]] bool compute(std::size_t core, FileState& file, const Job& job);
  /// Sleeps until `when`, or until the file or the device ends.
  void sleep_until(Clock::time_point when, const FileState& file);
  void note_failure(const std::string& why);
  [[nodiscard]] std::size_t least_busy_core() const;

  Settings& settings_;
  mutable std::mutex mutex_;
  std::condition_variable work_;      ///< a job was queued
  std::condition_variable progress_;  ///< a job ended, or the device was removed
  bool stopping_ = false;
  std::vector<std::shared_ptr<FileState>> files_;
  DeviceStatus status_;
  std::array<Clock::time_point, cores> core_free_at_{};
  std::array<std::jthread, cores> threads_;
};

/// An open file of the device. Its functions fail with the errors of the real ioctls.
/// Threads: thread-safe. Destroying it closes it: jobs that have not begun never will.
class File {
 public:
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] int memory_fd() const;
  [[nodiscard]] IoResult<CreatedBo> create_bo(std::uint32_t bytes);
  /// Queues the jobs. A wrong job is dropped without an error, as the kernel does.
  [[nodiscard]] IoResult<> submit(std::vector<JobRequest> jobs);
  /// Waits for the jobs that write to the buffer. A deadline that has passed only asks whether
  /// there are such jobs. Errors: ENOENT, EBUSY or ETIMEDOUT (`poll` tells which), ENODEV.
  [[nodiscard]] IoResult<> prepare(std::uint32_t handle, Deadline deadline, bool poll);
  [[nodiscard]] IoResult<> finish(std::uint32_t handle);
  [[nodiscard]] IoResult<> close_bo(std::uint32_t handle);

 private:
  friend class Device;
  File(Device& device, std::shared_ptr<Device::FileState> state);
  [[nodiscard]] std::shared_ptr<Device::Job> check(JobRequest request) const;

  Device& device_;
  std::shared_ptr<Device::FileState> state_;
};

}  // namespace gantry::emulator
