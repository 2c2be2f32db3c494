#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.h"
#include "gantry/backend/load.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/system/survey.h"
#include "gantry/system/system_closure.h"
#include "gantry/system/teflon.h"
#include "inspect/inspect_report.h"
#include "settings/model_options.h"
#include "settings/models_dir.h"

namespace gantry::cli {
namespace {

constexpr std::string_view inspect_examples =
    R"(  gantry inspect mobilenet_v2_1.0_224_quant.tflite               # where does each operator run, and why?
  gantry inspect mobilenet_v2_1.0_224_quant.tflite --mesa 26.2   # and after an update of Mesa?
  gantry inspect model.tflite --html model.html                  # the graph, coloured
  gantry inspect model.tflite --json | jq .verdict
  gantry inspect                                                 # the built-in model)";

struct InspectOptions {
  std::vector<std::string> arguments;
  ModelOptions model;  ///< its path
  std::string mesa;
  std::filesystem::path html;
  bool json = false;

  void add_to(Options& options) {
    options.positionals(
        "[MODEL]", arguments,
        "the model: a .tflite file, or the name of a pulled one [the built-in one]");
    add_models_dir_to(options, model.models_dir);
    options.choice("mesa", {"25.3", "26.1", "26.2"}, mesa,
                   "judge by this version of Mesa [the installed one, else 26.1]");
    options.group("Answer");
    options.path("html", "FILE", html, "also write a page with the graph, coloured");
    options.flag("json", json, "one JSON document on stdout instead of text");
  }
};

/// The library that `serve` would use on this machine.
std::optional<npu::InstalledMesa> installed_mesa() {
  const system::TeflonSearch search =
      system::find_teflon(system::Root(), {}, system::system_closure, system::own_elf_machine);
  const system::TeflonCandidate* const found = search.found();
  return found == nullptr ? std::nullopt : npu::mesa_in(found->path);
}

Result<InspectReport> look_at(const InspectOptions& settings) {
  InspectReport report;
  report.model = settings.model.model.string();
  const auto name_it = [&](const Error& error) {
    return fail(error.code, error.message.starts_with(report.model)
                                ? error.message
                                : format_text("{}: {}", report.model, error.message));
  };
  auto model = backend::check_model(settings.model.model, {});
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  report.info = std::move(model->info);
  auto graph = graph::read_graph(model->file.bytes());
  if (!graph) {
    return name_it(graph.error());
  }
  report.graph = *std::move(graph);
  npu::MesaVersion mesa = npu::default_mesa;
  if (const auto named = npu::parse_mesa_version(settings.mesa)) {
    mesa = *named;
    report.mesa_named = true;
  } else if (report.installed = installed_mesa(); report.installed) {
    mesa = report.installed->version;
  }
  report.classification = npu::classify(report.graph, mesa);
  report.cost = npu::cost_of(report.graph, report.classification);
  report.xnnpack = xnnpack::choose(report.graph);
  return report;
}

}  // namespace

int inspect(std::span<char* const> arguments) {
  InspectOptions settings;
  Options options(
      "inspect",
      "What is in a model, and what would the NPU make of it? Nothing is run, no NPU is needed.\n\n"
      "The exit code is 1 if less than half of the multiplications run right on the NPU.",
      std::string(inspect_examples));
  settings.add_to(options);
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (settings.arguments.size() > 1) {
    return to_int(options.wrong_usage(format_text("want one model, got {} and {}",
                                                  in_quotes(settings.arguments[0]),
                                                  in_quotes(settings.arguments[1]))));
  }
  if (!settings.arguments.empty()) {
    if (settings.arguments.front().empty()) {
      return to_int(options.wrong_usage("want a model, got \"\""));
    }
    settings.model.model = settings.arguments.front();
  }
  if (const auto exit = settings.model.resolve("inspect")) {
    return to_int(*exit);
  }
  const auto report = look_at(settings);
  if (!report) {
    print_error("inspect", report.error().message, model_next_step(report.error()));
    return to_int(Exit::no_result);
  }
  print_text("{}", settings.json ? to_json(*report) : to_text(*report));
  if (!settings.html.empty()) {
    const std::string page = to_html(*report);
    if (const Result<> written = write_file(settings.html, std::as_bytes(std::span(page)));
        !written) {
      print_error("inspect", written.error().message);
      return to_int(Exit::no_result);
    }
  }
  return to_int(report->fit() == Fit::no ? Exit::bad : Exit::good);
}

}  // namespace gantry::cli
