#include "connection.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "gantry/emulator_worker/job_list.h"
#include "socket.h"

namespace gantry::emulator {
namespace {

template <class T>
std::optional<T> read_as(std::span<const std::byte> payload) {
  T value{};
  if (payload.size() != sizeof(T)) {
    return std::nullopt;
  }
  std::memcpy(&value, payload.data(), sizeof(T));
  return value;
}

template <class T>
Reply reply_with(const T& value, int passed_fd = -1) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {.bytes = {bytes.begin(), bytes.end()}, .passed_fd = passed_fd};
}

Reply reply_of(const IoResult<>& result) { return {.error = result ? 0 : result.error()}; }

}  // namespace

Reply Connection::open() {
  if (file_ != nullptr) {
    return {.error = EINVAL};
  }
  auto file = device_.open();
  if (!file) {
    return {.error = file.error()};
  }
  file_ = *std::move(file);
  return reply_with(wire::Opened{.token = files_.add(file_)}, file_->memory_fd());
}

Reply Connection::attach(std::span<const std::byte> payload) {
  const auto request = read_as<wire::Attach>(payload);
  if (!request || file_ != nullptr) {
    return {.error = EINVAL};
  }
  file_ = files_.find(request->token);
  return {.error = file_ == nullptr ? ENODEV : 0};
}

Reply Connection::create_bo(std::span<const std::byte> payload) {
  const auto request = read_as<wire::CreateBo>(payload);
  if (!request) {
    return {.error = EINVAL};
  }
  const auto created = file_->create_bo(request->bytes);
  if (!created) {
    return {.error = created.error()};
  }
  return reply_with(wire::CreatedBo{.handle = created->handle, .address = created->address});
}

Reply Connection::submit(std::span<const std::byte> payload) {
  auto jobs = read_jobs(payload);
  if (!jobs) {
    return {.error = EINVAL};
  }
  return reply_of(file_->submit(*std::move(jobs)));
}

Reply Connection::prepare(std::span<const std::byte> payload) {
  const auto request = read_as<wire::Prepare>(payload);
  if (!request) {
    return {.error = EINVAL};
  }
  // steady_clock is CLOCK_MONOTONIC, here and in the process that asks. A deadline too far for
  // anyone to see is none.
  constexpr std::int64_t never_ns = INT64_MAX / 2;
  const auto deadline =
      request->deadline_ns >= never_ns
          ? Deadline::never()
          : Deadline(Clock::time_point(std::chrono::nanoseconds(request->deadline_ns)));
  return reply_of(file_->prepare(request->handle, deadline, request->deadline_ns <= 0));
}

Reply Connection::answer(wire::Op op, std::span<const std::byte> payload) {
  if (op == wire::Op::open) {
    return open();
  }
  if (op == wire::Op::attach) {
    return attach(payload);
  }
  if (file_ == nullptr) {
    return {.error = EBADF};
  }
  switch (op) {
    case wire::Op::create_bo:
      return create_bo(payload);
    case wire::Op::submit:
      return submit(payload);
    case wire::Op::prepare:
      return prepare(payload);
    case wire::Op::finish:
    case wire::Op::close_bo: {
      const auto request = read_as<wire::Handle>(payload);
      if (!request) {
        return {.error = EINVAL};
      }
      return reply_of(op == wire::Op::finish ? file_->finish(request->handle)
                                             : file_->close_bo(request->handle));
    }
    default:
      return {.error = ENOTTY};
  }
}

void Connection::serve(int socket) {
  std::vector<std::byte> payload;
  while (true) {
    wire::RequestHead head{};
    if (!receive_all(socket, std::as_writable_bytes(std::span(&head, 1))) ||
        head.bytes > wire::max_bytes) {
      return;
    }
    payload.resize(head.bytes);
    if (!receive_all(socket, payload)) {
      return;
    }
    const Reply reply = answer(static_cast<wire::Op>(head.op), payload);
    const wire::ReplyHead reply_head{.error = reply.error,
                                     .bytes = static_cast<std::uint32_t>(reply.bytes.size())};
    if (!send_all(socket, std::as_bytes(std::span(&reply_head, 1)), reply.passed_fd) ||
        !send_all(socket, reply.bytes)) {
      return;
    }
  }
}

}  // namespace gantry::emulator
