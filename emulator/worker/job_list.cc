#include "gantry/emulator_worker/job_list.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "gantry/emulator_wire/wire.h"

namespace gantry::emulator {
namespace {

/// Takes values off the front of some bytes.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }

  template <class T>
  bool read(T* to, std::uint64_t count) {
    if (count > bytes_.size() / sizeof(T)) {
      return false;
    }
    if (count != 0) {
      std::memcpy(to, bytes_.data(), count * sizeof(T));
      bytes_ = bytes_.subspan(count * sizeof(T));
    }
    return true;
  }
  template <class T>
  bool read(std::vector<T>& to, std::uint64_t count) {
    if (count > bytes_.size() / sizeof(T)) {
      return false;
    }
    to.resize(count);
    return read(to.data(), count);
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace

Result<std::vector<JobRequest>> read_jobs(std::span<const std::byte> bytes) {
  std::vector<JobRequest> jobs;
  Reader reader(bytes);
  while (!reader.is_empty()) {
    wire::JobHead head{};
    std::vector<wire::Task> tasks;
    JobRequest job;
    if (!reader.read(&head, 1) || !reader.read(tasks, head.tasks) ||
        !reader.read(job.in_handles, head.in_handles) ||
        !reader.read(job.out_handles, head.out_handles)) {
      return fail(Code::invalid_argument, "job list: ends in the middle of a job");
    }
    job.tasks.reserve(tasks.size());
    for (const auto& task : tasks) {
      job.tasks.push_back({.address = task.address, .words = task.words});
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace gantry::emulator
