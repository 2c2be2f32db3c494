#include "gantry/backend/npu_proof.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "child_files.h"
#include "gantry/base/deadline.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/npu/guard.h"
#include "gantry/proof/proof.h"
#include "gantry/proof/proven_slot.h"
#include "gantry/proof/test_input.h"
#include "gantry/sandbox/child.h"
#include "gantry/sandbox/task.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"

namespace gantry::backend {
namespace {

using Json = nlohmann::ordered_json;

/// Of all proven outputs together.
constexpr std::size_t max_outputs_bytes = model_file::max_model_bytes;

// ---- the child

struct Times {
  double invoke_ms = 0, delegate_ms = 0, cpu_ms = 0;
};

void tell_result(const sandbox::Teller& tell, const proof::Report& report, Times times = {}) {
  const Json result = {{"passed", report.passed},          {"words", report.words},
                       {"operators", report.operators},    {"delegated", report.delegated},
                       {"partitions", report.partitions},  {"invoke_ms", times.invoke_ms},
                       {"delegate_ms", times.delegate_ms}, {"cpu_ms", times.cpu_ms}};
  tell.result(result.dump(-1, ' ', false, Json::error_handler_t::replace));
}

double median(std::vector<double>& times) {
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// Where the time of an invoke goes, as far as TensorFlow Lite sees it: medians of `runs` invokes.
Result<Times> time_session(tflite::Session& session, const std::set<std::string>& own_operators,
                           std::size_t runs) {
  std::vector<double> invokes;
  std::vector<double> delegates;
  for (std::size_t run = 0; run <= runs; ++run) {
    for (std::size_t i = 0; i < session.inputs().size(); ++i) {
      proof::fill_test_input(session.inputs()[i], static_cast<std::uint32_t>(run),
                             session.input(i));
    }
    session.reset_operator_times();
    const auto start = Clock::now();
    if (auto done = session.invoke(); !done) {
      return std::unexpected(std::move(done).error());
    }
    if (run == 0) {
      continue;  // warms up
    }
    invokes.push_back(to_ms(Clock::now() - start));
    Clock::duration delegate{};
    for (const tflite::OperatorTime& time : session.operator_times()) {
      // What the model does not know by name are the delegate's.
      delegate += own_operators.contains(time.name) ? Clock::duration::zero() : time.total;
    }
    delegates.push_back(to_ms(delegate));
  }
  return Times{.invoke_ms = median(invokes), .delegate_ms = median(delegates)};
}

/// A device that is lost while it is timed says nothing and leaves its last answer there:
/// afterwards it is asked for the proven results once more, and `report` did not pass if they do
/// not come.
Result<Times> time_both(const SealedBytes& file, const graph::Graph& graph,
                        tflite::Delegation delegation, std::size_t runs, proof::Report& report) {
  std::set<std::string> own;
  for (const graph::Operator& op : graph.operators) {
    own.insert(op.name);
  }
  auto model = tflite::Model::create(file);
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  const auto on_cpu = tflite::Session::create(*model, {.profile = true});
  if (!on_cpu) {
    return std::unexpected(on_cpu.error());
  }
  auto on_npu =
      tflite::Session::create(*model, {.profile = true, .delegations = {std::move(delegation)}});
  if (!on_npu) {
    return std::unexpected(std::move(on_npu).error());
  }
  const auto cpu = time_session(**on_cpu, own, runs);
  if (!cpu) {
    return cpu;
  }
  auto times = time_session(**on_npu, own, runs);
  if (times) {
    times->cpu_ms = cpu->invoke_ms;
    if (auto again = proof::ProvenSlot::create(*std::move(on_npu), report.outputs); !again) {
      report.passed = false;
      report.words = std::move(again).error().message;
    }
  }
  return times;
}

Result<> prove_here(const std::filesystem::path& library, std::size_t timed_runs,
                    const sandbox::Teller& tell) {
  tell.step("reading the model");
  const auto file = SealedBytes::adopt(UniqueFd(model_descriptor), model_file::max_model_bytes);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto guarded = npu::guard(file->bytes(), library);
  if (!guarded) {
    return std::unexpected(guarded.error());
  }
  const auto make = [&](std::vector<bool> offered) -> Result<tflite::Delegation> {
    tell.step("loading the library");
    return tflite::Delegate::load(library).transform([&](auto delegate) {
      tell.step("running the model on the NPU");
      return tflite::Delegation{.delegate = std::move(delegate), .operators = std::move(offered)};
    });
  };
  auto report = proof::prove(
      file->bytes(), guarded->offered, make,
      {.may_offer = [&](const std::vector<bool>& these) { return guarded->offered_among(these); },
       // The search for the first wrong operator may crash.
       .on_wrong = [&](const proof::Report& wrong) { tell_result(tell, wrong); }});
  if (!report) {
    return std::unexpected(report.error());
  }
  if (report->passed) {
    if (auto written = write_all(outputs_descriptor, proof::to_bytes(report->outputs)); !written) {
      return written;
    }
  }
  Times times;
  if (report->passed && timed_runs > 0) {
    auto delegation = make(guarded->offered);
    const auto timed =
        delegation ? time_both(*file, guarded->graph, *std::move(delegation), timed_runs, *report)
                   : std::unexpected(delegation.error());
    if (!timed) {
      return std::unexpected(timed.error());
    }
    times = *timed;
  }
  tell_result(tell, *report, times);
  return {};
}

// ---- the parent

/// Empty if that is no report of ours.
std::optional<ProofResult> report_from(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    ProofResult result{.passed = json.at("passed").get<bool>(), .is_complete = true};
    const auto operators = json.at("operators").get<std::size_t>();
    result.operators_npu = json.at("delegated").get<std::size_t>();
    result.words = printable(json.at("words").get<std::string>());
    result.partitions = json.at("partitions").get<std::size_t>();
    result.invoke_ms = json.at("invoke_ms").get<double>();
    result.delegate_ms = json.at("delegate_ms").get<double>();
    result.cpu_ms = json.at("cpu_ms").get<double>();
    if (result.operators_npu > operators) {
      return std::nullopt;
    }
    result.operators_cpu = operators - result.operators_npu;
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

ProofResult result_of(const sandbox::TaskEnd& end, std::chrono::milliseconds limit) {
  const auto report = end.results.empty() ? std::nullopt : report_from(end.results.back());
  // A wrong result counts whatever came after it; a right one only of a child that was done.
  if (report && (end.is_done || !report->passed)) {
    return *report;
  }
  ProofResult result{.could_not_start = end.exited_with(127) && end.words.empty()};
  const std::string step = end.step.empty() ? "starting" : printable(end.step);
  const std::string last = sandbox::last_line(end.words);
  if (end.error) {
    result.words = format_text("{} failed: {}", step, printable(end.error->message));
  } else if (end.was_late) {
    result.words = format_text("{} did not end within {} s{}", step,
                               std::chrono::duration<double>(limit).count(),
                               end.is_gone ? "" : ", and cannot be ended: its device may hold it");
  } else if (end.exited_with(0)) {
    result.words = format_text("{}: the process that tried it ended without a word of it", step);
  } else {
    result.words = format_text("{} {}: the process that tried it {}", step,
                               end.has_crashed() ? "crashed" : "failed", end.text());
  }
  if (!last.empty()) {
    result.words += format_text("; its last words: {}", last);
  }
  return result;
}

}  // namespace

void run_npu_proof(const std::filesystem::path& library, std::size_t timed_runs) {
  sandbox::run_task(
      {}, [&](const sandbox::Teller& tell) { return prove_here(library, timed_runs, tell); });
}

Result<ProofResult> prove_in_child(const std::filesystem::path& library,
                                   const model_file::ModelFile& model,
                                   std::chrono::milliseconds limit, std::size_t timed_runs,
                                   const Self& self) {
  auto outputs = make_memory_file();
  if (!outputs) {
    return std::unexpected(std::move(outputs).error());
  }
  sandbox::Launch launch{.program = self.program,
                         .arguments = self.arguments,
                         .descriptors = {model.sealed().fd(), outputs->get()}};
  for (std::string argument :
       {std::string("npu-proof"), library.string(), std::to_string(timed_runs)}) {
    launch.arguments.push_back(std::move(argument));
  }
  auto task = sandbox::Task::start(std::move(launch));
  if (!task) {
    return std::unexpected(std::move(task).error());
  }
  ProofResult result = result_of(task->wait(Deadline::after(limit)), limit);
  if (result.passed) {
    auto sealed = SealedBytes::seal(*std::move(outputs), max_outputs_bytes);
    if (!sealed) {
      return std::unexpected(std::move(sealed).error());
    }
    result.outputs = *std::move(sealed);
  }
  return result;
}

Result<ProofResult> without_proof() {
  auto outputs = SealedBytes::copy(proof::to_bytes({}));
  if (!outputs) {
    return std::unexpected(std::move(outputs).error());
  }
  ProofResult result{.passed = true, .words = "not proven"};
  result.outputs = *std::move(outputs);
  return result;
}

}  // namespace gantry::backend
