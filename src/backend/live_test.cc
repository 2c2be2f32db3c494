#include "gantry/backend/live_test.h"

#include <utility>

#include "gantry/backend/npu_proof.h"
#include "gantry/base/format.h"
#include "gantry/model_file/model_file.h"

namespace gantry::backend {
namespace {

using system::Finding;
using system::Status;

constexpr std::size_t live_runs = 10;

Finding begun() {
  return {.id = "live",
          .title = "Live test",
          .status = Status::skipped,
          .wanted = "the built-in model on the NPU, with the CPU's answer"};
}

void judge(Finding& finding, const ProofResult& proof) {
  finding.status = Status::failure;
  if (!proof.is_complete) {
    finding.found = proof.words;
    finding.why = "It was tried in a child process, so that nothing else was harmed.";
    return;
  }
  finding.found = format_text("{} of {} operators on the NPU in {} partition{}",
                              proof.operators_npu, proof.operators_npu + proof.operators_cpu,
                              proof.partitions, proof.partitions == 1 ? "" : "s");
  if (proof.cpu_ms > 0) {
    finding.found += format_text(", {:.1f} ms (CPU: {:.1f} ms)", proof.invoke_ms, proof.cpu_ms);
  }
  finding.found += ", " + proof.words;
  if (proof.operators_npu == 0) {
    finding.why = "The library took no operator: everything ran on the CPU.";
  } else if (!proof.passed) {
    finding.why =
        "The NPU's answer is wrong, and nothing said so: a job that the kernel refused or that "
        "timed out (see its log), a device that went away, a layer that this Mesa computes "
        "wrongly, or a defect of the device.";
  } else {
    finding.status = Status::ok;
  }
}

}  // namespace

Finding live_test_skipped(std::string reason) {
  Finding finding = begun();
  finding.why = std::move(reason);
  return finding;
}

Finding live_test(const std::filesystem::path& library, const std::filesystem::path& model,
                  std::chrono::milliseconds limit, const Self& self) {
  Finding finding = begun();
  const auto file = model_file::ModelFile::open(model);
  const auto proof =
      file ? prove_in_child(library, *file, limit, live_runs, self) : std::unexpected(file.error());
  if (!proof) {
    finding.why = "no child process can be started: " + proof.error().message;
    return finding;
  }
  if (proof->could_not_start) {
    finding.why = "the program cannot be executed from itself";
    return finding;
  }
  judge(finding, *proof);
  if (!proof->passed) {
    finding.remedies = {{.where = "", .text = "sudo dmesg | grep -iE 'rocket|npu'"},
                        {.where = "", .text = "TEFLON_DEBUG=verbose gantry doctor"}};
  }
  return finding;
}

}  // namespace gantry::backend
