#include <sys/klog.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.h"
#include "doctor/doctor_report.h"
#include "gantry/backend/live_test.h"
#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/system/diagnosis.h"
#include "gantry/system/survey.h"
#include "gantry/system/system_closure.h"
#include "settings/builtin_model.h"

namespace gantry::cli {
namespace {

using system::Finding;
using system::Status;

constexpr std::string_view doctor_examples =
    R"(  gantry doctor
  gantry doctor --json | jq '.findings[] | select(.status == "failure")'
  gantry doctor --teflon /opt/mesa/lib/libteflon.so
  gantry doctor --system-root /mnt/board --live-test never   # a board's file system, mounted here)";

struct Settings {
  bool json = false;
  std::filesystem::path system_root = "/";
  std::filesystem::path teflon;
  std::string live_test = "auto";
  std::chrono::milliseconds live_timeout{60'000};
};

/// The kernel's ring buffer, where this user may read it.
std::optional<std::string> kernel_log() {
  constexpr int read_all = 3;
  constexpr int size_buffer = 10;
  const int size = klogctl(size_buffer, nullptr, 0);
  if (size <= 0) {
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  const int got = klogctl(read_all, text.data(), size);
  if (got < 0) {
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(got));
  return text;
}

system::Survey look(const Settings& settings) {
  const system::Root root(settings.system_root);
  system::SurveyOptions options{.user = system::User::current(), .teflon = settings.teflon};
  // All of these ask this machine, whatever the tree.
  if (root.is_real()) {
    options.system_closure = system::system_closure;
    options.kernel_log = kernel_log;
  }
  if (root.is_real() || settings.live_test == "always") {
    options.open_node = system::open_accel_node;
  }
  return system::survey(root, options);
}

/// The live test, or why there is none. `could_not` is set where it should have been, and nobody
/// could try it.
Finding live_finding(const Settings& settings, const system::Survey& survey,
                     const std::vector<Finding>& findings, bool& could_not) {
  const auto* const library = survey.teflon.found();
  if (settings.live_test == "never") {
    return backend::live_test_skipped("--live-test=never");
  }
  if (library == nullptr) {
    return backend::live_test_skipped("there is no libteflon.so");
  }
  if (settings.live_test == "auto") {
    if (!survey.is_real) {
      return backend::live_test_skipped(
          "a made-up root has no device; --live-test=always tries this machine's");
    }
    for (const char* id : {"node", "access", "library"}) {
      const Finding* const needed = find(findings, id);
      if (needed != nullptr && needed->status != Status::ok) {
        return backend::live_test_skipped(needed->title + " comes first");
      }
    }
  }
  const auto folder = builtin_folder();
  if (folder.empty()) {
    could_not = true;
    return backend::live_test_skipped("the built-in model is not beside this program");
  }
  // What was asked for is a path of this machine; what was found is one of the tree's.
  const auto path = survey.teflon.is_explicit
                        ? library->path
                        : system::Root(settings.system_root).outside(library->resolved);
  Finding finding = backend::live_test(path, builtin_model(folder), settings.live_timeout);
  could_not = finding.status == Status::skipped;
  const system::AccelNode* const node = survey.npu();
  if (finding.status == Status::failure && node != nullptr && node->opened &&
      node->opened->error == 0) {
    if (const int error = system::open_accel_node(node->path).error; error != 0) {
      finding.why =
          format_text("{} went away meanwhile: it opened before, and now opening it fails: {}.",
                      node->path.string(), errno_text(error));
    }
  }
  return finding;
}

std::string verdict_of(const DoctorReport& report) {
  if (report.is_usable) {
    const Finding* const live = find(report.findings, "live");
    return live != nullptr && live->status == Status::ok
               ? "The NPU works."
               : "Nothing speaks against it; it was not tried.";
  }
  std::string names;
  for (const Finding& finding : report.findings) {
    if (finding.status == Status::failure) {
      names += (names.empty() ? "" : ", ") + finding.title;
    }
  }
  return names.empty() ? "The live test could not be carried out."
                       : format_text("In the way: {}. Models run on the CPU meanwhile.", names);
}

}  // namespace

int doctor(std::span<char* const> arguments) {
  Settings settings;
  Options options(
      "doctor",
      "Can this machine use its NPU? Each finding: what was found, what was wanted, and "
      "what mends it.\nEnds with 0 if the NPU is usable, with 1 if it is not.",
      std::string(doctor_examples));
  options.flag("json", settings.json, "one JSON document on stdout instead of text");
  options.path("system-root", "DIR", settings.system_root,
               "look at this folder as if it were / [/]");
  options.path("teflon", "FILE", settings.teflon, "this libteflon.so, instead of searching");
  options.choice(
      "live-test", {"auto", "always", "never"}, settings.live_test,
      "run the built-in model on the NPU; auto: where node and library are there [auto]");
  options.duration("live-timeout", settings.live_timeout, "for the live test as a whole [60s]");
  if (const auto ended = options.parse(arguments)) {
    return to_int(*ended);
  }
  std::error_code error;
  if (!std::filesystem::is_directory(settings.system_root, error)) {
    print_error("doctor",
                format_text("--system-root: want a folder, got {}", settings.system_root.string()));
    return to_int(Exit::no_result);
  }
  DoctorReport report{.survey = look(settings), .findings = {}, .is_usable = false, .verdict = {}};
  report.findings = system::diagnose(report.survey);
  bool could_not = false;
  report.findings.push_back(live_finding(settings, report.survey, report.findings, could_not));
  const bool has_failure = system::has_failure(report.findings);
  report.is_usable = !has_failure && !could_not;
  report.verdict = verdict_of(report);
  if (settings.json) {
    print_line("{}", to_json(report));
  } else {
    print_text("{}", to_text(report, Terminal::of(STDOUT_FILENO)));
  }
  if (could_not && !has_failure) {
    return to_int(Exit::no_result);
  }
  return to_int(report.is_usable ? Exit::good : Exit::bad);
}

}  // namespace gantry::cli
