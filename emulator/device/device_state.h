#pragma once

#include "gantry/emulator_device/device.h"

namespace gantry::emulator {

/// A buffer object: its pages live until its handle is closed and no job needs them any more.
struct Device::Bo {
  Bo(AddressSpace& memory, std::uint32_t at) : space(memory), address(at) {}
  ~Bo() { space.release(address); }
  Bo(const Bo&) = delete;
  Bo& operator=(const Bo&) = delete;

  AddressSpace& space;
  std::uint32_t address;
  std::uint64_t last_writer = 0;  ///< number of the last job that writes to it; 0: none
};

struct Device::Job {
  std::vector<TaskWords> tasks;
  std::vector<std::shared_ptr<Bo>> buffers;  ///< kept alive
  std::uint64_t number = 0;                  ///< in its file, from 1 on
  Clock::time_point submitted{};
};

/// The device's mutex guards it, except the address space, which has its own mutex.
struct Device::FileState {
  std::unique_ptr<AddressSpace> memory;  // first: buffers give their pages back to it
  std::map<std::uint32_t, std::shared_ptr<Bo>> buffers;
  std::uint32_t last_handle = 0;
  std::uint64_t last_job = 0;
  std::uint64_t completed = 0;  ///< jobs up to this number have ended
  std::deque<std::shared_ptr<Job>> queue;
  std::optional<std::size_t> core;  ///< while anything is queued or running
  bool running = false;
  bool closed = false;
  bool dead = false;  ///< the device has gone
  Clock::time_point free_at{};
};

}  // namespace gantry::emulator
