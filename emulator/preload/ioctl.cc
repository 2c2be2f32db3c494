#include "ioctl.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "device_file.h"
#include "gantry/emulator_wire/wire.h"
#include "rocket_ioctl.h"

namespace gantry::emulator {
namespace {

template <class T>
T read_user(const void* from) {
  T value{};
  std::memcpy(&value, from, sizeof(T));
  return value;
}

const char* user_pointer(std::uint64_t address) {
  return reinterpret_cast<const char*>(address);  // NOLINT(performance-no-int-to-ptr): uAPI
}

/// DRM's rule: the length comes back, and as much of the text as there is room for.
void give_text(std::string_view text, std::uint64_t to, std::uint64_t& size) {
  if (to != 0) {
    std::memcpy(const_cast<char*>(user_pointer(to)),  // NOLINT(*-const-cast): the caller's buffer
                text.data(), std::min<std::uint64_t>(size, text.size()));
  }
  size = text.size();
}

int version(void* argument) {
  auto& out = *static_cast<rocket::Version*>(argument);
  out.major = 0;
  out.minor = 0;
  out.patch = 0;
  give_text("rocket", out.name, out.name_size);
  give_text("20240521", out.date, out.date_size);
  give_text("rocket DRM", out.description, out.description_size);
  return 0;
}

int create_bo(int fd, void* argument) {
  auto& bo = *static_cast<rocket::CreateBo*>(argument);
  const wire::CreateBo request{.bytes = bo.size, .reserved = 0};
  wire::CreatedBo created{};
  const int error =
      ask(fd, wire::Op::create_bo, &request, sizeof(request), &created, sizeof(created));
  if (error == 0) {
    bo.handle = created.handle;
    bo.dma_address = created.address;
    bo.offset = created.address;
  }
  return error;
}

using Bytes = std::vector<char>;

void append(Bytes& bytes, const void* from, std::size_t count) {
  const auto* first = static_cast<const char*>(from);
  bytes.insert(bytes.end(), first, first + count);
}

/// A job in the worker's form. EFAULT for null arrays.
int append_job(Bytes& bytes, const rocket::Job& job) {
  const wire::JobHead head{.tasks = job.task_count,
                           .in_handles = job.in_bo_handle_count,
                           .out_handles = job.out_bo_handle_count};
  const std::uint64_t size = std::uint64_t{job.task_count} * sizeof(wire::Task) +
                             (std::uint64_t{job.in_bo_handle_count} + job.out_bo_handle_count) * 4;
  if (bytes.size() + size > wire::max_bytes) {
    return ENOMEM;
  }
  if ((job.task_count != 0 && job.tasks == 0) ||
      (job.in_bo_handle_count != 0 && job.in_bo_handles == 0) ||
      (job.out_bo_handle_count != 0 && job.out_bo_handles == 0)) {
    return EFAULT;
  }
  append(bytes, &head, sizeof(head));
  for (std::uint32_t i = 0; i < job.task_count; ++i) {
    const auto task =
        read_user<rocket::Task>(user_pointer(job.tasks) + std::uint64_t{i} * job.task_struct_size);
    const wire::Task words{.address = task.regcmd, .words = task.regcmd_count};
    append(bytes, &words, sizeof(words));
  }
  append(bytes, user_pointer(job.in_bo_handles), std::size_t{job.in_bo_handle_count} * 4);
  append(bytes, user_pointer(job.out_bo_handles), std::size_t{job.out_bo_handle_count} * 4);
  return 0;
}

int submit(int fd, const void* argument) {
  const auto request = read_user<rocket::Submit>(argument);
  if (request.reserved != 0 ||
      (request.job_count != 0 && request.job_struct_size < sizeof(rocket::Job))) {
    return EINVAL;
  }
  if (request.job_count != 0 && request.jobs == 0) {
    return EFAULT;
  }
  Bytes bytes;
  for (std::uint32_t i = 0; i < request.job_count; ++i) {
    auto job = read_user<rocket::Job>(user_pointer(request.jobs) +
                                      std::uint64_t{i} * request.job_struct_size);
    if (job.task_struct_size < sizeof(rocket::Task)) {
      // A failure of this job alone, which nobody is told: a job without tasks goes the same way.
      job = {};
    }
    if (const int error = append_job(bytes, job); error != 0) {
      return error;
    }
  }
  return ask(fd, wire::Op::submit, bytes.data(), bytes.size(), nullptr, 0);
}

int prep_bo(int fd, const void* argument) {
  const auto request = read_user<rocket::PrepBo>(argument);
  if (request.reserved != 0) {
    return EINVAL;
  }
  const wire::Prepare prepare{
      .handle = request.handle, .reserved = 0, .deadline_ns = request.timeout_ns};
  return ask(fd, wire::Op::prepare, &prepare, sizeof(prepare), nullptr, 0);
}

int fini_bo(int fd, const void* argument) {
  const auto request = read_user<rocket::FiniBo>(argument);
  if (request.reserved != 0) {
    return EINVAL;
  }
  const wire::Handle handle{.handle = request.handle};
  return ask(fd, wire::Op::finish, &handle, sizeof(handle), nullptr, 0);
}

int gem_close(int fd, const void* argument) {
  const auto request = read_user<rocket::GemClose>(argument);
  const wire::Handle handle{.handle = request.handle};
  return ask(fd, wire::Op::close_bo, &handle, sizeof(handle), nullptr, 0);
}

}  // namespace

int device_ioctl(int fd, unsigned long request, void* argument) {
  if (argument == nullptr) {
    return EFAULT;
  }
  // Some libraries hand the number over as a negative int.
  switch (static_cast<std::uint32_t>(request)) {
    case rocket::version:
      return version(argument);
    case rocket::create_bo:
      return create_bo(fd, argument);
    case rocket::submit:
      return submit(fd, argument);
    case rocket::prep_bo:
      return prep_bo(fd, argument);
    case rocket::fini_bo:
      return fini_bo(fd, argument);
    case rocket::gem_close:
      return gem_close(fd, argument);
    default:
      return EINVAL;
  }
}

}  // namespace gantry::emulator
