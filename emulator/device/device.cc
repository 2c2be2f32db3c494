#include "gantry/emulator_device/device.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "device_state.h"
#include "gantry/base/format.h"
#include "gantry/emulator_compute/execute.h"
#include "gantry/emulator_stream/conv_task.h"
#include "gantry/emulator_stream/registers.h"

namespace gantry::emulator {
namespace {

constexpr std::uint8_t wrong_bit = 0x40;

/// Flips a bit in each byte of one output channel; a task without that channel stays right.
void spoil(const ConvTask& task, const Memory& memory, std::int64_t channel) {
  if (channel >= task.output.channels) {
    return;
  }
  const auto c = static_cast<std::uint64_t>(channel);
  const std::uint64_t bytes = std::uint64_t{task.output.height} * task.output.line_bytes;
  std::byte* surface = memory.at(task.output.address + c / 16 * task.output.surface_bytes, bytes);
  if (surface == nullptr) {
    return;
  }
  for (std::uint64_t at = c % 16; at < bytes; at += 16) {
    surface[at] ^= std::byte{wrong_bit};
  }
}

/// A task's words, copied: whoever owns the memory may go on writing to it.
Result<ConvTask> read_task(const TaskWords& where, const Memory& memory) {
  if (where.words > RegisterFile::max_words) {
    return fail(Code::invalid_argument, "register stream: too long");
  }
  std::vector<std::uint64_t> words(where.words);
  const std::byte* from = memory.at(where.address, words.size() * sizeof(words[0]));
  if (from == nullptr) {
    return fail(Code::out_of_range, "register stream: not mapped");
  }
  std::memcpy(words.data(), from, words.size() * sizeof(words[0]));
  return parse_task(words);
}

}  // namespace

Device::Device(Settings& settings) : settings_(settings) {
  try {
    for (std::size_t core = 0; core < cores; ++core) {
      threads_.at(core) = std::jthread([this, core] { core_thread(core); });
    }
  } catch (...) {  // one could not be started: those before wait already
    stop();
    throw;
  }
}

Device::~Device() { stop(); }

void Device::stop() {
  {
    // With the lock: a core that has just found nothing to do holds it until it waits, and is
    // notified then.
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  progress_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

IoResult<std::shared_ptr<File>> Device::open() {
  if (settings_.strikes(FaultKind::absent)) {
    return std::unexpected(ENOENT);
  }
  if (settings_.strikes(FaultKind::eacces)) {
    return std::unexpected(EACCES);
  }
  auto memory = AddressSpace::create();
  if (!memory) {
    return std::unexpected(ENOMEM);
  }
  auto state = std::make_shared<FileState>();
  state->memory = *std::move(memory);
  const std::scoped_lock lock(mutex_);
  files_.push_back(state);
  status_.files = files_.size();
  return std::shared_ptr<File>(new File(*this, std::move(state)));
}

void Device::vanish() {
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& file : files_) {
      file->dead = true;
      file->queue.clear();
    }
  }
  progress_.notify_all();
}

DeviceStatus Device::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

std::size_t Device::least_busy_core() const {
  std::array<std::size_t, cores> jobs{};
  for (const auto& file : files_) {
    if (file->core) {
      jobs.at(*file->core) += file->queue.size() + (file->running ? 1 : 0);
    }
  }
  return static_cast<std::size_t>(std::ranges::min_element(jobs) - jobs.begin());
}

std::shared_ptr<Device::FileState> Device::next_for(std::size_t core) const {
  std::shared_ptr<FileState> next;
  for (const auto& file : files_) {
    if (file->core == core && !file->running && !file->queue.empty() &&
        (next == nullptr || file->queue.front()->submitted < next->queue.front()->submitted)) {
      next = file;
    }
  }
  return next;
}

void Device::core_thread(std::size_t core) {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return stopping_ || next_for(core) != nullptr; });
    if (stopping_) {
      return;
    }
    const auto file = next_for(core);
    const auto job = file->queue.front();
    file->queue.pop_front();
    file->running = true;
    lock.unlock();
    run(core, *file, *job);
    lock.lock();
    file->running = false;
    file->completed = job->number;
    if (file->queue.empty()) {
      file->core.reset();
    }
    progress_.notify_all();
  }
}

void Device::run(std::size_t core, FileState& file, const Job& job) {
  if (settings_.strikes(FaultKind::vanish)) {
    vanish();
    return;
  }
  if (settings_.strikes(FaultKind::lose_job)) {
    const std::scoped_lock lock(mutex_);
    ++status_.lost;
    return;
  }
  // In modelled time a job begins when its core and its file are free, however late we woke up.
  Clock::time_point begin;
  {
    const std::scoped_lock lock(mutex_);
    begin = std::max({job.submitted, core_free_at_.at(core), file.free_at});
  }
  const auto real_begin = Clock::now();
  const bool timing = settings_.mode() == Mode::timing;
  auto end = timing ? begin : real_begin;
  bool done = true;
  if (settings_.strikes(FaultKind::hang)) {
    end += watchdog;
    done = false;
    const std::scoped_lock lock(mutex_);
    ++status_.timeouts;
  } else {
    std::chrono::nanoseconds modelled = job_overhead;
    std::uint64_t macs = 0;
    for (const auto& where : job.tasks) {
      if (const auto task = read_task(where, *file.memory)) {
        modelled += task_time(*task, settings_.clock_hz());
        macs += task->macs();
      }
    }
    if (modelled > watchdog) {
      end += watchdog;
      done = false;
      const std::scoped_lock lock(mutex_);
      ++status_.timeouts;
    } else if (timing) {
      end += std::chrono::duration_cast<Clock::duration>(modelled * settings_.time_scale());
    } else {
      done = compute(core, file, job);
      end = Clock::now();
    }
    const std::scoped_lock lock(mutex_);
    status_.macs += done ? macs : 0;
  }
  if (const auto slow = settings_.strikes(FaultKind::slow)) {
    end += std::chrono::milliseconds(*slow);
  }
  sleep_until(end, file);
  const std::scoped_lock lock(mutex_);
  core_free_at_.at(core) = end;
  file.free_at = end;
  status_.busy_seconds.at(core) += to_seconds(end - (timing ? begin : real_begin));
  status_.jobs += done ? 1 : 0;
  status_.tasks += done ? job.tasks.size() : 0;
}

bool Device::compute(std::size_t core, FileState& file, const Job& job) {
  const ComputeOptions options{.depthwise_pad_lanes = settings_.mode() == Mode::quirks};
  const auto wrong = settings_.strikes(FaultKind::wrong_channel);
  for (const auto& where : job.tasks) {
    const auto task = read_task(where, *file.memory);
    if (!task) {
      note_failure(format_text("core {}: {}", core, task.error().message));
      return false;
    }
    if (const auto done = execute(*task, *file.memory, options); !done) {
      note_failure(format_text("core {}: {}", core, done.error().message));
      return false;
    }
    if (wrong) {
      spoil(*task, *file.memory, *wrong);
    }
  }
  return true;
}

void Device::sleep_until(Clock::time_point when, const FileState& file) {
  std::unique_lock lock(mutex_);
  progress_.wait_until(lock, when, [&] { return stopping_ || file.dead || file.closed; });
}

void Device::note_failure(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  ++status_.failed;
  status_.last_failure = why;
}

}  // namespace gantry::emulator
