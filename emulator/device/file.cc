#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "device_state.h"
#include "gantry/emulator_device/device.h"

namespace gantry::emulator {

File::File(Device& device, std::shared_ptr<Device::FileState> state)
    : device_(device), state_(std::move(state)) {}

File::~File() {
  std::unique_lock lock(device_.mutex_);
  state_->closed = true;
  state_->queue.clear();
  device_.progress_.notify_all();  // a core that only lets time pass
  device_.progress_.wait(lock, [&] { return !state_->running; });
  std::erase(device_.files_, state_);
  device_.status_.files = device_.files_.size();
  device_.status_.buffers -= state_->buffers.size();
}

int File::memory_fd() const { return state_->memory->fd(); }

IoResult<CreatedBo> File::create_bo(std::uint32_t bytes) {
  if (const auto error = device_.settings_.strikes(FaultKind::create_error)) {
    return std::unexpected(static_cast<int>(*error));
  }
  const std::scoped_lock lock(device_.mutex_);
  if (state_->dead) {
    return std::unexpected(ENODEV);
  }
  const auto address = state_->memory->allocate(bytes);
  if (!address) {
    return std::unexpected(address.error());
  }
  const std::uint32_t handle = ++state_->last_handle;
  state_->buffers.emplace(handle, std::make_shared<Device::Bo>(*state_->memory, *address));
  ++device_.status_.buffers;
  return CreatedBo{.handle = handle, .address = *address};
}

/// A job with its buffers found, or null for one that the kernel would drop.
std::shared_ptr<Device::Job> File::check(JobRequest request) const {
  auto job = std::make_shared<Device::Job>();
  job->tasks = std::move(request.tasks);
  if (job->tasks.empty() ||
      std::ranges::any_of(job->tasks, [](const TaskWords& task) { return task.words == 0; })) {
    return nullptr;
  }
  std::set<std::uint32_t> seen;
  bool twice = false;
  for (const auto* handles : {&request.in_handles, &request.out_handles}) {
    for (const auto handle : *handles) {
      const auto found = state_->buffers.find(handle);
      if (found == state_->buffers.end()) {
        return nullptr;
      }
      twice = !seen.insert(handle).second || twice;
      job->buffers.push_back(found->second);
    }
  }
  // The kernel cannot lock a buffer twice. Mesa does name one twice where a convolution's input is
  // also its addend; TensorFlow Lite's answer needs that job.
  if (twice && device_.settings_.mode() == Mode::quirks) {
    return nullptr;
  }
  return job;
}

IoResult<> File::submit(std::vector<JobRequest> jobs) {
  if (const auto error = device_.settings_.strikes(FaultKind::submit_error)) {
    return std::unexpected(static_cast<int>(*error));
  }
  {
    const std::scoped_lock lock(device_.mutex_);
    if (state_->dead) {
      return std::unexpected(ENODEV);
    }
    ++device_.status_.submits;
    for (auto& request : jobs) {
      const auto out_handles = request.out_handles;
      const auto job = check(std::move(request));
      if (job == nullptr) {
        ++device_.status_.dropped;
        continue;
      }
      job->number = ++state_->last_job;
      job->submitted = Clock::now();
      for (const auto handle : out_handles) {
        state_->buffers.at(handle)->last_writer = job->number;
      }
      if (!state_->core) {
        state_->core = device_.least_busy_core();
      }
      state_->queue.push_back(job);
    }
  }
  device_.work_.notify_all();
  return {};
}

IoResult<> File::prepare(std::uint32_t handle, Deadline deadline, bool poll) {
  std::unique_lock lock(device_.mutex_);
  if (state_->dead) {
    return std::unexpected(ENODEV);
  }
  const auto found = state_->buffers.find(handle);
  if (found == state_->buffers.end()) {
    return std::unexpected(ENOENT);
  }
  const auto bo = found->second;
  const auto is_ready = [&] { return state_->dead || state_->completed >= bo->last_writer; };
  if (deadline.is_never()) {
    device_.progress_.wait(lock, is_ready);
  } else if (!device_.progress_.wait_until(lock, deadline.time(), is_ready)) {
    return std::unexpected(poll ? EBUSY : ETIMEDOUT);
  }
  if (state_->dead) {
    return std::unexpected(ENODEV);
  }
  return {};
}

IoResult<> File::finish(std::uint32_t handle) {
  const std::scoped_lock lock(device_.mutex_);
  if (state_->dead) {
    return std::unexpected(ENODEV);
  }
  if (!state_->buffers.contains(handle)) {
    return std::unexpected(ENOENT);
  }
  return {};
}

IoResult<> File::close_bo(std::uint32_t handle) {
  const std::scoped_lock lock(device_.mutex_);
  if (state_->buffers.erase(handle) == 0) {
    return std::unexpected(EINVAL);
  }
  --device_.status_.buffers;
  return {};
}

}  // namespace gantry::emulator
