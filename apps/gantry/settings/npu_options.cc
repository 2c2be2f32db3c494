#include "settings/npu_options.h"

#include <algorithm>
#include <cctype>
#include <format>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/base/file.h"
#include "gantry/npu/guard.h"
#include "gantry/system/diagnosis.h"
#include "gantry/system/survey.h"
#include "gantry/worker/process_slot.h"
#include "system_closure.h"

namespace gantry::cli {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;

/// A finding as the end of a sentence: "access: …".
std::string text_of(const system::Finding& finding) {
  std::string title = finding.title;
  title[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(title[0])));
  std::string text = std::format("{}: {}", title, finding.found.empty() ? "none" : finding.found);
  if (!finding.wanted.empty()) {
    text += std::format("; wanted: {}", finding.wanted);
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
      return std::format(
          "no operator of the model can run there and be right with Mesa {}: {} `gantry inspect` "
          "tells of each",
          guarded.classification.mesa.text(), placement.findings.front().rule->reason);
    }
  }
  return "the model has no operator that the NPU computes";
}

/// Fills the report as far as the model lets it; true if slots may be made.
struct Proven {
  inference::NpuReport report;
  ProofResult proof;
};
Proven prove(const NpuOptions& options, const std::filesystem::path& model) {
  Proven out;
  const NpuLibrary library = find_npu_library(options);
  out.report.library = library.path.string();
  out.report.mesa = library.mesa;
  out.report.reason = library.reason;
  if (!library.reason.empty()) {
    return out;
  }
  const auto file = MappedFile::open(model, max_model_bytes);
  const auto guarded =
      file ? npu::guard(file->bytes(), library.path) : std::unexpected(file.error());
  if (!guarded) {
    out.report.reason = guarded.error().message;
    return out;
  }
  out.report.operators_cpu = guarded->offered.size();
  out.report.reason = nothing_offered(*guarded);
  if (!out.report.reason.empty()) {
    return out;
  }
  if (options.no_proof) {
    out.report.operators_npu = static_cast<std::size_t>(std::ranges::count(guarded->offered, true));
    out.report.operators_cpu -= out.report.operators_npu;
    out.report.partitions = guarded->classification.guarded.size();
  }
  auto proof = options.no_proof
                   ? without_proof()
                   : prove_in_child(library.path, model, options.proof_timeout, options.timed_runs);
  if (!proof) {
    out.report.reason = std::format("the proof cannot be made: {}", proof.error().message);
    return out;
  }
  out.proof = *std::move(proof);
  out.report.proof_words = out.proof.words;
  if (options.no_proof) {
    return out;
  }
  out.report.proof = out.proof.passed ? inference::Proof::passed : inference::Proof::failed;
  if (out.proof.operators_npu + out.proof.operators_cpu > 0) {
    out.report.operators_npu = out.proof.operators_npu;
    out.report.operators_cpu = out.proof.operators_cpu;
    out.report.partitions = out.proof.partitions;
  }
  if (!out.proof.passed) {
    out.report.reason = std::format("the proof failed: {}", out.proof.words);
  } else if (out.proof.operators_npu == 0) {
    out.report.reason = "the library took no operator";
  }
  return out;
}

}  // namespace

void NpuOptions::add_to(Options& options) {
  options.integer("npu-slots", slots, 1, 64,
                  "inferences at the same time on the NPU, each in a process of its own [3]");
  add_without_slots_to(options);
}

void NpuOptions::add_without_slots_to(Options& options) {
  options.choice("device", {"auto", "npu", "cpu"}, device,
                 "auto: the NPU where it is there and proven, else the CPU; npu: refuse without "
                 "[auto]");
  options.path("teflon", "FILE", teflon, "this libteflon.so, instead of searching");
  options.path("system-root", "DIR", system_root,
               "look for the NPU in this folder as if it were / [/]");
  options.duration("npu-proof-timeout", proof_timeout,
                   "to prove the model on the NPU at load; then it is not used [60s]");
  options.duration("npu-timeout", invoke_timeout,
                   "for one inference on the NPU; then its process is replaced [10s]");
}

inference::DeviceWanted NpuOptions::wanted() const {
  if (device == "npu") {
    return inference::DeviceWanted::npu;
  }
  return device == "cpu" ? inference::DeviceWanted::cpu : inference::DeviceWanted::automatic;
}

NpuLibrary find_npu_library(const NpuOptions& options) {
  const system::Root root(options.system_root);
  system::SurveyOptions asked{.user = system::User::current(), .teflon = options.teflon};
  if (root.is_real()) {
    asked.open_node = system::open_accel_node;
  }
  system::Survey survey = system::survey(root, asked);
  std::vector<const char*> needed = {"node", "access", "library"};
  if (!options.teflon.empty()) {
    needed = {"library"};
  } else if (survey.npu() != nullptr && survey.teflon.found() == nullptr && root.is_real()) {
    asked.system_closure = system_closure;  // takes a process: only where all else is there
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

inference::NpuFactory make_npu_factory(const NpuOptions& options,
                                       std::function<void(const ProofResult&)> on_proof) {
  // The proven results that workers read when they start: they stay where they are.
  struct Kept {
    std::mutex mutex;
    std::vector<ProofResult> proofs;
  };
  return [options, on_proof = std::move(on_proof), kept = std::make_shared<Kept>()](
             const std::filesystem::path& model, std::size_t count) {
    Proven proven = prove(options, model);
    if (on_proof && proven.report.proof != inference::Proof::none) {
      on_proof(proven.proof);
    }
    inference::NpuSlots npu{.report = std::move(proven.report), .slots = {}};
    if (!npu.report.reason.empty()) {
      return npu;
    }
    const std::vector<std::string> arguments = {"slot-worker", npu.report.library, model.string(),
                                                proven.proof.outputs_path().string()};
    {
      const std::scoped_lock lock(kept->mutex);
      kept->proofs.push_back(std::move(proven.proof));
    }
    // All at the same time: packing weights takes Mesa a good part of a second.
    std::vector<Result<std::unique_ptr<worker::ProcessSlot>>> started(count);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
          started[i] = worker::ProcessSlot::start({.arguments = arguments,
                                                   .name = std::format("NPU slot {}", i),
                                                   .device = dispatch::Device::npu,
                                                   .start_timeout = options.proof_timeout,
                                                   .hang_limit = options.invoke_timeout});
        });
      }
    }
    for (auto& slot : started) {
      if (!slot) {
        npu.report.reason = std::format("a slot cannot be made: {}", slot.error().message);
        npu.slots.clear();
        return npu;
      }
      npu.slots.push_back(*std::move(slot));
    }
    return npu;
  };
}

}  // namespace gantry::cli
