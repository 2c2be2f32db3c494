#include "trial.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "child_process.h"
#include "commands.h"
#include "gantry/base/file.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/inference/cpu_backend.h"
#include "gantry/model_file/model_info.h"
#include "gantry/tflite/session.h"

namespace gantry::cli {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;
/// Before what the child has to say; TensorFlow Lite writes lines of its own to the same pipe.
constexpr std::string_view refusal_mark = "gantry-trial: ";
/// TensorFlow Lite's kernels are done; from here on it is XNNPACK that may fail.
constexpr std::string_view xnnpack_mark = "gantry-trial-xnnpack: begins";
/// Before why XNNPACK is not to be used, and before what its proof says.
constexpr std::string_view without_mark = "gantry-trial-without-xnnpack: ";
constexpr std::string_view proof_mark = "gantry-trial-proof: ";

Result<> invoke_on_zeros(tflite::Session& session) {
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    std::ranges::fill(session.input(i), std::byte{0});
  }
  return session.invoke();
}

/// TensorFlow Lite's kernels alone.
Result<> try_tflite(std::shared_ptr<const tflite::Model> model) {
  auto session = tflite::Session::create(std::move(model), {});
  return session ? invoke_on_zeros(**session) : std::unexpected(std::move(session).error());
}

/// The proof runs the model through TensorFlow Lite's kernels, then through XNNPACK: a trial of
/// both.
Result<> try_xnnpack(const std::shared_ptr<const tflite::Model>& model) {
  auto backend = inference::CpuBackend::create(model, inference::CpuBackendWanted::automatic);
  if (!backend || !backend->report().is_xnnpack) {
    return try_tflite(model);  // whoever loads the model finds the same reason
  }
  bool has_begun = false;
  const auto proven = backend->prove([&] {
    has_begun = true;
    say(xnnpack_mark, "");
  });
  if (!has_begun) {  // the proof's reference failed: is it the model, or the proof?
    if (auto done = try_tflite(model); !done) {
      return done;
    }
    say(xnnpack_mark, "");
  }
  if (proven) {
    say(proof_mark, backend->report().proof_words);
  } else {
    say(without_mark, printable(proven.error().message));
  }
  return {};
}

Result<> run_once(const std::filesystem::path& path, std::string_view wanted) {
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  if (auto info = model_file::read_model(file->bytes()); !info) {
    return std::unexpected(std::move(info).error());
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  return wanted == inference::cpu_backend_wanted_name(inference::CpuBackendWanted::tflite)
             ? try_tflite(*std::move(model))
             : try_xnnpack(*model);
}

}  // namespace

int trial(std::span<char* const> arguments) {
  limit_this_child(60);
  if (arguments.size() != 2) {
    say(refusal_mark, "want a model and a backend");
    return to_int(Exit::usage);
  }
  std::string reason;
  try {
    if (const Result<> done = run_once(arguments[0], arguments[1]); !done) {
      reason = done.error().message;
    }
  } catch (const std::bad_alloc&) {
    reason = "needs more than 4 GiB of memory";
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (!reason.empty()) {
    say(refusal_mark, reason);
  }
  // Not exit(): destructors of a model that made trouble may make more.
  _exit(reason.empty() ? to_int(Exit::good) : to_int(Exit::bad));
}

namespace {

/// Of a child that TensorFlow Lite's kernels were done in.
inference::Tried tried_xnnpack(const ChildEnd& end) {
  if (auto reason = end.said(without_mark)) {
    return {.without_xnnpack = *std::move(reason)};
  }
  if (end.was_late) {
    return {.without_xnnpack =
                "XNNPACK's proof did not end within --trial-timeout, in a child process"};
  }
  if (!end.exited_with(0)) {
    return {.without_xnnpack =
                std::format("XNNPACK failed on the model, in a child process that {}", end.text())};
  }
  return {.proof_words = end.said(proof_mark).value_or("")};
}

}  // namespace

struct TrialProcess::Impl {
  std::unique_ptr<ChildProcess> child;
};

TrialProcess::TrialProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrialProcess::~TrialProcess() = default;

Result<std::unique_ptr<TrialProcess>> TrialProcess::start(const std::filesystem::path& model,
                                                          inference::CpuBackendWanted backend,
                                                          const std::filesystem::path& program) {
  auto child = ChildProcess::start(
      program, {"trial", model.string(), std::string(inference::cpu_backend_wanted_name(backend))});
  if (!child) {
    return fail(
        child.error().code,
        std::format("cannot try the model in a child process: {}; --no-trial loads it without",
                    child.error().message));
  }
  return std::unique_ptr<TrialProcess>(
      new TrialProcess(std::make_unique<Impl>(Impl{.child = *std::move(child)})));
}

Result<inference::Tried> TrialProcess::wait(Deadline deadline) {
  const ChildEnd end = impl_->child->wait(deadline);
  if (end.words.contains(xnnpack_mark)) {
    return tried_xnnpack(end);
  }
  if (const auto refusal = end.said(refusal_mark)) {
    return fail(Code::invalid_argument, last_line(*refusal));
  }
  if (end.was_late) {
    return fail(Code::invalid_argument,
                "an inference did not end within --trial-timeout, in a child process "
                "that tried it");
  }
  if (end.exited_with(0)) {
    return inference::Tried{};
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
                            inference::CpuBackendWanted backend, std::chrono::milliseconds limit) {
  // std::function wants copies, hence the shared state. A child that cannot be started is reported
  // by the trial.
  struct Started {
    std::filesystem::path model;
    Result<std::unique_ptr<TrialProcess>> process;
  };
  auto started =
      std::make_shared<Started>(Started{expected, TrialProcess::start(expected, backend)});
  return [started, backend, limit](const std::filesystem::path& model) -> Result<inference::Tried> {
    const Deadline deadline = Deadline::after(limit);
    if (model != started->model || (started->process && *started->process == nullptr)) {
      started->process = TrialProcess::start(model, backend);
    }
    if (!started->process) {
      return std::unexpected(started->process.error());
    }
    const std::unique_ptr<TrialProcess> process = std::exchange(*started->process, nullptr);
    return process->wait(deadline);
  };
}

}  // namespace gantry::cli
