#include "gantry/sandbox/task.h"

#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <span>
#include <utility>

#include "gantry/base/text.h"
#include "gantry/sandbox/channel.h"
#include "gantry/sandbox/poll_time.h"
#include "task_message.h"

namespace gantry::sandbox {
namespace {

/// A child tells a handful; whoever tells without end is no child of ours.
constexpr std::size_t most_results = 64;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error error_from(std::string_view text) {
  const auto code = text.empty() ? std::nullopt : code_from(static_cast<unsigned char>(text[0]));
  return {.code = code.value_or(Code::internal),
          .message = std::string(text.substr(text.empty() ? 0 : 1))};
}

}  // namespace

bool TaskEnd::has_crashed() const { return !was_late && status && WIFSIGNALED(*status); }

bool TaskEnd::exited_with(int code) const {
  return !was_late && status && WIFEXITED(*status) && WEXITSTATUS(*status) == code;
}

std::string TaskEnd::text() const {
  if (!is_gone) {
    return "did not end in time, and cannot be ended: its device may hold it";
  }
  return was_late || !status ? "did not end in time" : how_it_ended(*status);
}

Result<Task> Task::start(Launch launch) {
  auto channel = make_channel();
  if (!channel) {
    return std::unexpected(std::move(channel).error());
  }
  auto& [ours, theirs] = *channel;
  launch.descriptors.insert(launch.descriptors.begin(), theirs.get());
  auto process = Process::start(launch);
  if (!process) {
    return std::unexpected(std::move(process).error());
  }
  Task task;
  task.process_ = *std::move(process);
  task.socket_ = std::move(ours);
  return task;
}

void Task::take(TaskEnd& end, std::string_view message) {
  const std::string_view text = message.substr(1);
  switch (static_cast<TaskMessage>(message.front())) {
    case TaskMessage::step:
      end.step = text;
      return;
    case TaskMessage::result:
      if (end.results.size() < most_results) {
        end.results.emplace_back(text);
      }
      return;
    case TaskMessage::error:
      end.error = error_from(text);
      return;
    case TaskMessage::done:
      end.is_done = true;
      return;
  }
  end.error = Error{.code = Code::internal, .message = "the child process spoke nonsense"};
}

bool Task::read_messages(TaskEnd& end) {
  // Bounded, as read_words() is: the deadline is looked at in between.
  for (int i = 0; i < 256; ++i) {
    if (!socket_) {
      return false;
    }
    const auto received = receive_message(socket_.get(), true);
    if (received && !received->bytes.empty()) {
      take(end, text_of(received->bytes));
      continue;
    }
    if (received || received.error().code != Code::resource_exhausted) {
      socket_.reset();  // closed, or of no more use
    }
    return false;
  }
  return true;
}

TaskEnd Task::wait(Deadline deadline) {
  TaskEnd end;
  for (;;) {
    read_messages(end);
    process_.read_words();
    if (process_.wait(Deadline(Clock::time_point::min()))) {
      break;
    }
    if (deadline.has_passed()) {
      end.was_late = true;
      end.is_gone = process_.end(Deadline::after(end_limit));
      break;
    }
    // poll() leaves out what is negative, as what is closed is.
    std::array<pollfd, 3> waited{pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = process_.words_fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = process_.pidfd(), .events = POLLIN, .revents = 0}};
    constexpr int look_again_ms = 20;  // where nothing tells of its end
    const int time = poll_time(deadline);
    poll(waited.data(), waited.size(),
         process_.pidfd() >= 0 || (time >= 0 && time < look_again_ms) ? time : look_again_ms);
  }
  // What it said before it ended. That fits into the socket's memory; whatever else holds the
  // channel, a process that a library left behind say, may go on for ever.
  constexpr int most_rounds = 64;
  for (int i = 0; i < most_rounds && !end.was_late && read_messages(end); ++i) {
  }
  process_.read_words();
  end.status = process_.status();
  end.words = process_.words();
  end.is_done = end.is_done && !end.error && end.exited_with(0);
  return end;
}

}  // namespace gantry::sandbox
