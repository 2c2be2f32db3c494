#include "gantry/backend/trial.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string_view>
#include <utility>

#include "child_files.h"
#include "gantry/base/format.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/base/text.h"
#include "gantry/model_file/model_info.h"
#include "gantry/sandbox/child.h"
#include "gantry/sandbox/task.h"
#include "gantry/tflite/session.h"

namespace gantry::backend {
namespace {

// What the child finds, a result each, in this order: TensorFlow Lite's kernels ran the model; then
// one of the two that begin so, with words for a person. Without either XNNPACK was not asked.
constexpr std::string_view tflite_ran = "tflite ran";
constexpr std::string_view xnnpack_proven = "xnnpack proven: ";
constexpr std::string_view xnnpack_refused = "xnnpack refused: ";

// ---- the child

Result<> invoke_on_zeros(tflite::Session& session) {
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    std::ranges::fill(session.input(i), std::byte{0});
  }
  return session.invoke();
}

/// TensorFlow Lite's kernels alone.
Result<> try_tflite(const std::shared_ptr<const tflite::Model>& model,
                    const sandbox::Teller& tell) {
  auto session = tflite::Session::create(model, {});
  if (!session) {
    return std::unexpected(std::move(session).error());
  }
  auto done = invoke_on_zeros(**session);
  if (done) {
    tell.result(tflite_ran);
  }
  return done;
}

/// The proof runs the model through TensorFlow Lite's kernels, then through XNNPACK: a trial of
/// both.
Result<> try_xnnpack(const std::shared_ptr<const tflite::Model>& model,
                     const sandbox::Teller& tell) {
  auto backend = CpuBackend::create(model, CpuBackendWanted::automatic);
  if (!backend || !backend->report().is_xnnpack) {
    return try_tflite(model, tell);  // whoever loads the model finds the same reason
  }
  bool has_run = false;
  const auto proven = backend->prove([&] {
    has_run = true;
    tell.result(tflite_ran);
  });
  if (!has_run) {  // the proof's reference failed: is it the model, or the proof?
    if (auto done = try_tflite(model, tell); !done) {
      return done;
    }
  }
  tell.result(proven ? std::string(xnnpack_proven) + backend->report().proof_words
                     : std::string(xnnpack_refused) + proven.error().message);
  return {};
}

Result<> try_model(std::string_view wanted, const sandbox::Teller& tell) {
  auto file = SealedBytes::adopt(UniqueFd(model_descriptor), model_file::max_model_bytes);
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
  return wanted == cpu_backend_wanted_name(CpuBackendWanted::tflite) ? try_tflite(*model, tell)
                                                                     : try_xnnpack(*model, tell);
}

// ---- the parent

/// Of a child in which TensorFlow Lite's kernels ran the model: what became of XNNPACK.
Tried tried_xnnpack(const sandbox::TaskEnd& end) {
  if (end.was_late) {
    return {.refusal = format_text("XNNPACK's proof did not end within --trial-timeout, in a child "
                                   "process{}",
                                   end.is_gone ? "" : " that cannot be ended either")};
  }
  if (end.error) {
    return {.refusal = printable(end.error->message)};
  }
  if (!end.is_done) {
    return {.refusal =
                format_text("XNNPACK failed on the model, in a child process that {}", end.text())};
  }
  const std::string_view last = end.results.back();
  if (last.starts_with(xnnpack_proven)) {
    return {.is_proven = true, .proof_words = printable(last.substr(xnnpack_proven.size()))};
  }
  if (last.starts_with(xnnpack_refused)) {
    return {.refusal = printable(last.substr(xnnpack_refused.size()))};
  }
  return {.refusal = "the child process that tried the model said nothing of XNNPACK"};
}

}  // namespace

void run_trial(std::string_view wanted) {
  sandbox::run_task({}, [wanted](const sandbox::Teller& tell) -> Result<> {
    try {
      return try_model(wanted, tell);
    } catch (const std::bad_alloc&) {
      return fail(Code::resource_exhausted, "needs more than 4 GiB of memory");
    }
  });
}

struct TrialProcess::Impl {
  sandbox::Task task;
};

TrialProcess::TrialProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrialProcess::~TrialProcess() = default;

Result<std::unique_ptr<TrialProcess>> TrialProcess::start(const model_file::ModelFile& model,
                                                          CpuBackendWanted wanted,
                                                          const Self& self) {
  sandbox::Launch launch{
      .program = self.program, .arguments = self.arguments, .descriptors = {model.sealed().fd()}};
  launch.arguments.emplace_back("trial");
  launch.arguments.emplace_back(cpu_backend_wanted_name(wanted));
  auto task = sandbox::Task::start(std::move(launch));
  if (!task) {
    return fail(
        task.error().code,
        format_text("cannot try the model in a child process: {}; --no-trial loads it without",
                    task.error().message));
  }
  return std::unique_ptr<TrialProcess>(
      new TrialProcess(std::make_unique<Impl>(Impl{.task = *std::move(task)})));
}

Result<Tried> TrialProcess::wait(Deadline deadline) {
  const sandbox::TaskEnd end = impl_->task.wait(deadline);
  if (std::ranges::contains(end.results, tflite_ran)) {
    return tried_xnnpack(end);
  }
  if (end.error) {  // of the model, unless the machine had nothing left for it
    return fail(end.error->code == Code::resource_exhausted ? Code::resource_exhausted
                                                            : Code::invalid_argument,
                printable(end.error->message));
  }
  if (end.was_late) {
    return fail(Code::deadline_exceeded,
                format_text("an inference did not end within --trial-timeout, in a child process "
                            "that tried it{}",
                            end.is_gone ? "" : " and cannot be ended: its device may hold it"));
  }
  if (end.exited_with(127) && end.words.empty()) {
    // What posix_spawn's child says when it cannot execute the program and cannot tell its parent:
    // under user-mode emulation, whose vfork shares no memory.
    return fail(
        Code::unavailable,
        "cannot try the model in a child process: the program cannot be executed from itself; "
        "--no-trial loads the model without");
  }
  const std::string last = sandbox::last_line(end.words);
  const std::string said = last.empty() ? "" : format_text("; its last words: {}", last);
  if (end.has_crashed() && (WTERMSIG(*end.status) == SIGKILL || WTERMSIG(*end.status) == SIGTERM)) {
    return fail(Code::unavailable,
                format_text("a child process that tried the model {}: by the system, for want of "
                            "memory, or by somebody",
                            end.text()));
  }
  if (end.has_crashed()) {
    return fail(Code::invalid_argument,
                format_text("TensorFlow Lite crashed on it, in a child process that {}{}",
                            end.text(), said));
  }
  return fail(Code::invalid_argument,
              format_text("a child process that tried the model {} and did not say that it ran{}",
                          end.text(), said));
}

Trial trial_in_child(CpuBackendWanted wanted, std::chrono::milliseconds limit, Self self) {
  return [wanted, limit, self = std::move(self)](const model_file::ModelFile& model) -> TrialEnd {
    // std::function wants copies, hence the shared state. A child that cannot be started is
    // reported at the end.
    auto started = std::make_shared<Result<std::unique_ptr<TrialProcess>>>(
        TrialProcess::start(model, wanted, self));
    return [started, limit]() -> Result<Tried> {
      if (!*started) {
        return std::unexpected(started->error());
      }
      return (**started)->wait(Deadline::after(limit));
    };
  };
}

}  // namespace gantry::backend
