#include "npu_proof.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "child_process.h"
#include "commands.h"
#include "gantry/base/deadline.h"
#include "gantry/base/file.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/npu/guard.h"
#include "gantry/proof/proof.h"
#include "gantry/proof/test_input.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;
// Before what the child has to say; libraries write lines of their own to the same pipe.
constexpr std::string_view step_mark = "gantry-proof step: ";
constexpr std::string_view error_mark = "gantry-proof error: ";
constexpr std::string_view result_mark = "gantry-proof result: ";

// ---- the child

struct Times {
  double invoke_ms = 0, delegate_ms = 0;
};

void say_result(const proof::Report& report, Times times = {}) {
  const Json result = {{"passed", report.passed},         {"words", report.words},
                       {"operators", report.operators},   {"delegated", report.delegated},
                       {"partitions", report.partitions}, {"invoke_ms", times.invoke_ms},
                       {"delegate_ms", times.delegate_ms}};
  say(result_mark, result.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<> write_all(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  std::size_t done = 0;
  while (file && done < bytes.size()) {
    const ssize_t wrote = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno != EINTR) {
      break;
    }
    done += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
  }
  return done == bytes.size()
             ? Result<>()
             : fail(Code::unavailable,
                    std::format("{}: {}", path.string(), std::generic_category().message(errno)));
}

/// Where the time of an invoke goes, as far as TensorFlow Lite sees it.
Result<Times> time_here(const std::filesystem::path& path, const graph::Graph& graph,
                        tflite::Delegation delegation, std::size_t runs) {
  std::set<std::string> own;
  for (const graph::Operator& op : graph.operators) {
    own.insert(op.name);
  }
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  const auto session =
      tflite::Session::create(*model, {.profile = true, .delegations = {std::move(delegation)}});
  if (!session) {
    return std::unexpected(session.error());
  }
  std::vector<double> invokes;
  std::vector<double> delegates;
  for (std::size_t run = 0; run <= runs; ++run) {
    for (std::size_t i = 0; i < (*session)->inputs().size(); ++i) {
      proof::fill_test_input((*session)->inputs()[i], static_cast<std::uint32_t>(run),
                             (*session)->input(i));
    }
    (*session)->reset_operator_times();
    const auto start = Clock::now();
    if (auto done = (*session)->invoke(); !done) {
      return std::unexpected(std::move(done).error());
    }
    if (run == 0) {
      continue;  // warms up
    }
    invokes.push_back(to_ms(Clock::now() - start));
    Clock::duration delegate{};
    for (const tflite::OperatorTime& time : (*session)->operator_times()) {
      // What the model does not know by name are the delegate's.
      delegate += own.contains(time.name) ? Clock::duration::zero() : time.total;
    }
    delegates.push_back(to_ms(delegate));
  }
  std::ranges::sort(invokes);
  std::ranges::sort(delegates);
  return Times{.invoke_ms = invokes[runs / 2], .delegate_ms = delegates[runs / 2]};
}

Result<> prove_here(const std::filesystem::path& library, const std::filesystem::path& path,
                    const std::filesystem::path& outputs, std::size_t timed_runs) {
  say(step_mark, "reading the model");
  const auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto guarded = npu::guard(file->bytes(), library);
  if (!guarded) {
    return std::unexpected(guarded.error());
  }
  const auto make = [&](std::vector<bool> offered) -> Result<tflite::Delegation> {
    say(step_mark, "loading the library");
    return tflite::Delegate::load(library).transform([&](auto delegate) {
      say(step_mark, "running the model on the NPU");
      return tflite::Delegation{.delegate = std::move(delegate), .operators = std::move(offered)};
    });
  };
  const auto report = proof::prove(
      file->bytes(), guarded->offered, make,
      {.may_offer = [&](const std::vector<bool>& these) { return guarded->offered_among(these); },
       .on_wrong = [](const proof::Report& wrong) { say_result(wrong); }});
  if (!report) {
    return std::unexpected(report.error());
  }
  if (report->passed) {
    if (auto written = write_all(outputs, proof::to_bytes(report->outputs)); !written) {
      return written;
    }
  }
  Times times;
  if (report->passed && timed_runs > 0) {
    auto delegation = make(guarded->offered);
    const auto timed = delegation
                           ? time_here(path, guarded->graph, *std::move(delegation), timed_runs)
                           : std::unexpected(delegation.error());
    if (!timed) {
      return std::unexpected(timed.error());
    }
    times = *timed;
  }
  say_result(*report, times);
  return {};
}

// ---- the parent

/// With memory for the outputs.
Result<ProofResult> make_result() {
  ProofResult result;
  result.outputs = UniqueFd(::memfd_create("gantry-proven", MFD_CLOEXEC));
  if (!result.outputs) {
    return fail(Code::unavailable, std::format("memory for the proof's results: {}",
                                               std::generic_category().message(errno)));
  }
  return result;
}

ProofResult result_of(const ChildEnd& end, std::chrono::milliseconds limit) {
  ProofResult result;
  if (const auto text = end.said(result_mark)) {
    const Json json = Json::parse(*text, nullptr, false);
    if (json.is_object()) {
      const auto delegated = json.at("delegated").get<std::size_t>();
      result.passed = json.at("passed").get<bool>() && end.exited_with(0);
      result.words = json.at("words").get<std::string>();
      result.operators_npu = delegated;
      result.operators_cpu = json.at("operators").get<std::size_t>() - delegated;
      result.partitions = json.at("partitions").get<std::size_t>();
      result.invoke_ms = json.at("invoke_ms").get<double>();
      result.delegate_ms = json.at("delegate_ms").get<double>();
      return result;
    }
  }
  const std::string step = end.said(step_mark).value_or("starting");
  if (const auto error = end.said(error_mark)) {
    result.words = std::format("{} failed: {}", step, printable(*error));
  } else if (end.was_late) {
    result.words = std::format("{} did not end within {} s", step,
                               std::chrono::duration<double>(limit).count());
  } else {
    result.words = std::format("{}: the process that tried it {}", step, end.text());
  }
  return result;
}

}  // namespace

int npu_proof(std::span<char* const> arguments) {
  limit_this_child(120);
  const auto timed_runs =
      arguments.size() == 4 ? parse_int(arguments[3]) : std::optional<std::int64_t>();
  if (!timed_runs || *timed_runs < 0) {
    say(error_mark, "want a library, a model, a file for the results and a number of runs");
    return to_int(Exit::usage);
  }
  std::string reason;
  try {
    if (const auto done = prove_here(arguments[0], arguments[1], arguments[2],
                                     static_cast<std::size_t>(*timed_runs));
        !done) {
      reason = done.error().message;
    }
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (!reason.empty()) {
    say(error_mark, reason);
  }
  // Not exit(): destructors of a library that made trouble may make more.
  _exit(reason.empty() ? to_int(Exit::good) : to_int(Exit::bad));
}

std::filesystem::path ProofResult::outputs_path() const {
  return std::format("/proc/{}/fd/{}", getpid(), outputs.get());
}

Result<ProofResult> prove_in_child(const std::filesystem::path& library,
                                   const std::filesystem::path& model,
                                   std::chrono::milliseconds limit, std::size_t timed_runs,
                                   const std::filesystem::path& program) {
  auto made = make_result();
  if (!made) {
    return made;
  }
  ProofResult result = *std::move(made);
  auto child =
      ChildProcess::start(program, {"npu-proof", library.string(), model.string(),
                                    result.outputs_path().string(), std::to_string(timed_runs)});
  if (!child) {
    return std::unexpected(child.error());
  }
  UniqueFd outputs = std::move(result.outputs);
  result = result_of((*child)->wait(Deadline::after(limit)), limit);
  result.outputs = std::move(outputs);
  return result;
}

Result<ProofResult> without_proof() {
  auto result = make_result();
  if (!result) {
    return result;
  }
  if (auto written = write_all(result->outputs_path(), proof::to_bytes({})); !written) {
    return std::unexpected(std::move(written).error());
  }
  result->passed = true;
  result->words = "not proven";
  return result;
}

}  // namespace gantry::cli
