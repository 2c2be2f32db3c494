#include "trial.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <format>
#include <print>
#include <string>
#include <string_view>
#include <utility>

#include "child_process.h"
#include "commands.h"
#include "gantry/base/file.h"
#include "gantry/repository/model_info.h"
#include "gantry/tflite/session.h"
#include "options.h"

namespace gantry::cli {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;
/// Before what the child has to say; TensorFlow Lite writes lines of its own to the same pipe.
constexpr std::string_view refusal_mark = "gantry-trial: ";

Result<> run_once(const std::filesystem::path& path) {
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  if (auto info = repository::read_model(file->bytes()); !info) {
    return std::unexpected(std::move(info).error());
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  auto session = tflite::Session::create(*std::move(model), {});
  if (!session) {
    return std::unexpected(std::move(session).error());
  }
  for (std::size_t i = 0; i < (*session)->inputs().size(); ++i) {
    std::ranges::fill((*session)->input(i), std::byte{0});
  }
  return (*session)->invoke();
}

}  // namespace

int trial(std::span<char* const> arguments) {
  limit_this_child(60);
  if (arguments.size() != 1) {
    std::println("{}want one model", refusal_mark);
    return to_int(Exit::usage);
  }
  std::string reason;
  try {
    if (const Result<> done = run_once(arguments.front()); !done) {
      reason = done.error().message;
    }
  } catch (const std::bad_alloc&) {
    reason = "needs more than 4 GiB of memory";
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (!reason.empty()) {
    std::println("{}{}", refusal_mark, reason);
  }
  std::fflush(stdout);
  // Not exit(): destructors of a model that made trouble may make more.
  _exit(reason.empty() ? to_int(Exit::good) : to_int(Exit::bad));
}

struct TrialProcess::Impl {
  std::unique_ptr<ChildProcess> child;
};

TrialProcess::TrialProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrialProcess::~TrialProcess() = default;

Result<std::unique_ptr<TrialProcess>> TrialProcess::start(const std::filesystem::path& model,
                                                          const std::filesystem::path& program) {
  auto child = ChildProcess::start(program, {"trial", model.string()});
  if (!child) {
    return fail(
        child.error().code,
        std::format("cannot try the model in a child process: {}; --no-trial loads it without",
                    child.error().message));
  }
  return std::unique_ptr<TrialProcess>(
      new TrialProcess(std::make_unique<Impl>(Impl{.child = *std::move(child)})));
}

Result<> TrialProcess::wait(Deadline deadline) {
  const ChildEnd end = impl_->child->wait(deadline);
  const std::size_t mark = end.words.rfind(refusal_mark);
  if (mark != std::string::npos) {
    return fail(Code::invalid_argument, last_line(end.words.substr(mark + refusal_mark.size())));
  }
  if (end.was_late) {
    return fail(Code::invalid_argument,
                "one inference on zeros did not end within --trial-timeout, in a child process "
                "that tried it");
  }
  if (end.exited_with(0)) {
    return {};
  }
  if (end.exited_with(127) && end.words.empty()) {
    // What posix_spawn's child says when it cannot execute the program and cannot tell its parent:
    // under user-mode emulation, whose vfork shares no memory.
    return fail(
        Code::unavailable,
        "cannot try the model in a child process: the program cannot be executed from itself; "
        "--no-trial loads the model without");
  }
  const std::string said =
      end.words.empty() ? "" : std::format("; its last words: {}", last_line(end.words));
  if (end.has_crashed()) {
    return fail(Code::invalid_argument,
                std::format("TensorFlow Lite crashed on it, in a child process that tried it: {}{}",
                            end.text(), said));
  }
  return fail(Code::invalid_argument,
              std::format("a child process that tried the model {}{}", end.text(), said));
}

inference::Trial make_trial(const std::filesystem::path& expected,
                            std::chrono::milliseconds limit) {
  // std::function wants copies, hence the shared state. A child that cannot be started is reported
  // by the trial.
  struct Started {
    std::filesystem::path model;
    Result<std::unique_ptr<TrialProcess>> process;
  };
  auto started = std::make_shared<Started>(Started{expected, TrialProcess::start(expected)});
  return [started, limit](const std::filesystem::path& model) -> Result<> {
    const Deadline deadline = Deadline::after(limit);
    if (model != started->model || (started->process && *started->process == nullptr)) {
      started->process = TrialProcess::start(model);
    }
    if (!started->process) {
      return std::unexpected(started->process.error());
    }
    const std::unique_ptr<TrialProcess> process = std::exchange(*started->process, nullptr);
    return process->wait(deadline);
  };
}

}  // namespace gantry::cli
