#include "gantry/backend/npu_factory.h"

#include <algorithm>
#include <cctype>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/npu/guard.h"
#include "gantry/system/diagnosis.h"
#include "gantry/system/survey.h"
#include "gantry/system/system_closure.h"
#include "gantry/worker/process_slot.h"

namespace gantry::backend {
namespace {

/// A finding as the end of a sentence: "access: …".
std::string text_of(const system::Finding& finding) {
  std::string title = finding.title;
  title[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(title[0])));
  std::string text = format_text("{}: {}", title, finding.found.empty() ? "none" : finding.found);
  if (!finding.wanted.empty()) {
    text += format_text("; wanted: {}", finding.wanted);
  }
  return text;
}

/// What the guard keeps from the NPU, if that is everything; else empty.
std::string nothing_offered(const npu::Guarded& guarded) {
  if (guarded.any()) {
    return {};
  }
  for (const npu::Placement& placement : guarded.classification.operators) {
    if (!placement.findings.empty()) {
      return format_text(
          "no operator of the model can run there and be right with Mesa {}: {} `gantry inspect` "
          "tells of each",
          guarded.classification.mesa.text(), placement.findings.front().rule->reason);
    }
  }
  return "the model has no operator that the NPU computes";
}

/// What is known about a model on the NPU before its slots are made. They may be made if
/// `report.reason` is empty.
struct Proven {
  NpuReport report;
  ProofResult proof;
};
/// Finds the library, asks the guard for the operators to offer, and proves the model. Stops at the
/// first step that rules the NPU out; the report then has the reason.
Proven prove(const NpuSettings& settings, const model_file::ModelFile& model) {
  Proven out;
  const NpuLibrary library = find_npu_library(settings);
  out.report.library = library.path.string();
  out.report.mesa = library.mesa;
  out.report.reason = library.reason;
  if (!library.reason.empty()) {
    return out;
  }
  const auto guarded = npu::guard(model.bytes(), library.path);
  if (!guarded) {
    out.report.reason = guarded.error().message;
    return out;
  }
  out.report.operators_cpu = guarded->offered.size();
  out.report.reason = nothing_offered(*guarded);
  if (!out.report.reason.empty()) {
    return out;
  }
  if (settings.without_proof) {
    out.report.operators_npu = static_cast<std::size_t>(std::ranges::count(guarded->offered, true));
    out.report.operators_cpu -= out.report.operators_npu;
    out.report.partitions = guarded->classification.guarded.size();
  }
  auto proof = settings.without_proof ? without_proof()
                                      : prove_in_child(library.path, model, settings.proof_timeout,
                                                       settings.timed_runs, settings.self);
  if (!proof) {
    out.report.reason = format_text("the proof cannot be made: {}", proof.error().message);
    return out;
  }
  out.proof = *std::move(proof);
  out.report.proof_words = out.proof.words;
  if (settings.without_proof) {
    return out;
  }
  out.report.proof = out.proof.passed ? Proof::passed : Proof::failed;
  if (out.proof.operators_npu + out.proof.operators_cpu > 0) {
    out.report.operators_npu = out.proof.operators_npu;
    out.report.operators_cpu = out.proof.operators_cpu;
    out.report.partitions = out.proof.partitions;
  }
  if (!out.proof.passed) {
    out.report.reason = format_text("the proof failed: {}", out.proof.words);
  } else if (out.proof.operators_npu == 0) {
    out.report.reason = "the library took no operator";
  }
  return out;
}

}  // namespace

std::string_view proof_name(Proof proof) noexcept {
  switch (proof) {
    case Proof::none:
      return "none";
    case Proof::passed:
      return "passed";
    case Proof::failed:
      return "failed";
  }
  return "?";
}

NpuLibrary find_npu_library(const NpuSettings& settings) {
  const system::Root root(settings.system_root);
  system::SurveyOptions asked{.user = system::User::current(), .teflon = settings.teflon};
  if (root.is_real()) {
    asked.open_node = system::open_accel_node;
  }
  system::Survey survey = system::survey(root, asked);
  std::vector<const char*> needed = {"node", "access", "library"};
  if (!settings.teflon.empty()) {
    needed = {"library"};
  } else if (survey.npu() != nullptr && survey.teflon.found() == nullptr && root.is_real()) {
    asked.system_closure = system::system_closure;  // takes a process: only where all else is there
    survey = system::survey(root, asked);
  }
  NpuLibrary library;
  const auto findings = system::diagnose(survey);
  for (const char* const id : needed) {
    const system::Finding* const finding = system::find(findings, id);
    if (finding != nullptr && (finding->status == system::Status::failure ||
                               finding->status == system::Status::skipped)) {
      library.reason = text_of(*finding);
      return library;
    }
  }
  const system::TeflonCandidate* const found = survey.teflon.found();
  if (found == nullptr) {
    library.reason = "there is no libteflon.so";
    return library;
  }
  library.path = survey.teflon.is_explicit ? found->path : root.outside(found->resolved);
  library.mesa = found->facts.mesa ? found->facts.mesa->text : "";
  return library;
}

backend::NpuFactory make_npu_factory(const NpuSettings& settings,
                                     std::function<void(const ProofResult&)> on_proof) {
  return [settings, on_proof = std::move(on_proof)](const model_file::ModelFile& model,
                                                    std::size_t count) {
    Proven proven = prove(settings, model);
    if (on_proof && proven.report.proof != Proof::none) {
      on_proof(proven.proof);
    }
    NpuSlots npu{.report = std::move(proven.report), .slots = {}};
    if (!npu.report.reason.empty()) {
      return npu;
    }
    worker::ProcessSlotConfig config{.program = settings.self.program,
                                     .arguments = settings.self.arguments,
                                     .files = {model.sealed(), proven.proof.outputs},
                                     .device = dispatch::Device::npu,
                                     .start_timeout = settings.proof_timeout,
                                     .hang_limit = settings.invoke_timeout};
    config.arguments.emplace_back("slot-worker");
    config.arguments.push_back(npu.report.library);
    // All at the same time: packing weights takes Mesa a good part of a second.
    std::vector<Result<std::unique_ptr<worker::ProcessSlot>>> started(count);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
          auto own = config;
          own.name = format_text("NPU slot {}", i);
          started[i] = worker::ProcessSlot::start(std::move(own));
        });
      }
    }
    for (auto& slot : started) {
      if (!slot) {
        npu.report.reason = format_text("a slot cannot be made: {}", slot.error().message);
        npu.slots.clear();
        return npu;
      }
      npu.slots.push_back(*std::move(slot));
    }
    return npu;
  };
}

}  // namespace gantry::backend
