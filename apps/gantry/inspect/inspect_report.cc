#include "inspect/inspect_report.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/terminal.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;
using npu::Verdict;

constexpr std::size_t most_partitions_of_good = 8;

std::string plural(std::size_t count, std::string_view word) {
  return format_text("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string quantization_text(const TensorSpec& spec) {
  return spec.quantization ? format_text("scale {:g}, zero point {}", spec.quantization->scale,
                                         spec.quantization->zero_point)
                           : "not quantised, or per axis";
}

Style style_of(Verdict guarded) {
  switch (guarded) {
    case Verdict::npu:
      return Style::green;
    case Verdict::cpu:
      return Style::dim;
    case Verdict::wrong:
      return Style::yellow;
    case Verdict::crash:
      return Style::red;
  }
  return Style::dim;
}

std::string reason_of(const npu::Placement& placement) {
  if (placement.findings.empty()) {
    return {};
  }
  const npu::Finding& first = placement.findings.front();
  return format_text("{}{}", first.rule->id,
                     first.found.empty() ? "" : " (" + printable(first.found) + ")");
}

/// Whose kernels compute the operator where it is on the CPU, and why not XNNPACK's.
std::string on_cpu(const xnnpack::Decision& decision) {
  return decision.rule == nullptr ? "XNNPACK" : format_text("TFLite: {}", decision.rule->id);
}

/// Neighbours that run alike become one line.
std::string operators_text(const InspectReport& report, Terminal terminal) {
  using enum Table::Align;
  Table table({right, left, left, right, left, right, left, left});
  table.row({"#", "operator", "output", "MACs", "runs on", "part", "on the CPU", "why"});
  for (std::size_t i = 0; i < report.graph.operators.size(); ++i) {
    const npu::Operator& op = report.graph.operators[i];
    const npu::Placement& placement = report.classification.operators[i];
    const std::uint64_t macs = report.cost.macs[i];
    table.row(
        {format_text("{}", i), printable(op.name), output_shape(report.graph, op),
         macs == 0 ? "" : human_count(macs),
         styled(terminal, style_of(placement.guarded), place_of(placement.guarded)),
         placement.guarded_partition < 0 ? "" : format_text("{}", placement.guarded_partition),
         on_cpu(report.xnnpack.operators[i]), reason_of(placement)});
  }
  return table.text();
}

std::string_view fit_name(Fit fit) {
  switch (fit) {
    case Fit::well:
      return "well";
    case Fit::partly:
      return "partly";
    case Fit::no:
      return "no";
  }
  return "no";
}

std::string headline(const InspectReport& report, Terminal terminal) {
  switch (report.fit()) {
    case Fit::well:
      return styled(terminal, Style::green, "WELL SUITED");
    case Fit::partly:
      return styled(terminal, Style::yellow, "PARTLY SUITED");
    case Fit::no:
      return styled(terminal, Style::red, "NOT SUITED");
  }
  return {};
}

Json xnnpack_json(const xnnpack::Decision& decision) {
  const bool is_taken = decision.rule == nullptr;
  return {{"computes", is_taken},
          {"rule", is_taken ? Json() : Json(decision.rule->id)},
          {"reason", is_taken ? Json() : Json(decision.rule->reason)},
          {"found", decision.found.empty() ? Json() : Json(decision.found)},
          {"partition", decision.partition < 0 ? Json() : Json(decision.partition)}};
}

/// What XNNPACK computes, and what it leaves by which rule.
std::string xnnpack_text(const InspectReport& report) {
  const auto& choice = report.xnnpack;
  std::string out = format_text(
      "  {} of {} by XNNPACK where it is installed, in {}; TensorFlow Lite's own kernels "
      "do the rest\n",
      choice.taken_count(), plural(choice.operators.size(), "operator"),
      plural(choice.partitions.size(), "partition"));
  std::map<const xnnpack::Rule*, std::size_t> kept;
  for (const xnnpack::Decision& decision : choice.operators) {
    if (decision.rule != nullptr) {
      ++kept[decision.rule];
    }
  }
  for (const xnnpack::Rule& rule : xnnpack::rules()) {
    if (const auto found = kept.find(&rule); found != kept.end()) {
      out += format_text("  {}  {}: {}\n", rule.id, plural(found->second, "operator"), rule.reason);
    }
  }
  return out;
}

Json tensors_json(const std::vector<TensorSpec>& specs) {
  Json out = Json::array();
  for (const TensorSpec& spec : specs) {
    Json one = {{"name", spec.name}, {"dtype", dtype_name(spec.dtype)}, {"shape", spec.shape}};
    if (spec.quantization) {
      one["scale"] = spec.quantization->scale;
      one["zero_point"] = spec.quantization->zero_point;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json findings_json(const npu::Placement& placement) {
  Json out = Json::array();
  for (const npu::Finding& finding : placement.findings) {
    out.push_back({{"rule", finding.rule->id},
                   {"verdict", npu::verdict_name(finding.rule->verdict)},
                   {"found", finding.found},
                   {"reason", finding.rule->reason},
                   {"change", finding.rule->change},
                   {"section", finding.rule->section},
                   {"evidence", npu::evidence_name(finding.rule->evidence)}});
  }
  return out;
}

Json partition_json(const npu::Partition& partition) {
  return {{"operators", partition.operators},
          {"inputs", partition.inputs},
          {"outputs", partition.outputs}};
}

}  // namespace

std::string_view place_of(Verdict guarded) {
  switch (guarded) {
    case Verdict::npu:
      return "NPU";
    case Verdict::cpu:
      return "CPU";
    case Verdict::wrong:
      return "CPU: NPU wrong";
    case Verdict::crash:
      return "CPU: NPU crash";
  }
  return "CPU";
}

std::string output_shape(const npu::Graph& graph, const npu::Operator& op) {
  return op.outputs.empty() || op.outputs.front() < 0
             ? "-"
             : to_string(graph.tensors[static_cast<std::size_t>(op.outputs.front())].shape);
}

std::string human_count(std::uint64_t count) {
  constexpr double thousand = 1e3;
  auto value = static_cast<double>(count);
  if (value < thousand) {
    return format_text("{}", count);
  }
  for (const char unit : {'k', 'M', 'G', 'T'}) {
    value /= thousand;
    if (value < thousand || unit == 'T') {
      return format_text("{:.1f} {}", value, unit);
    }
  }
  return {};
}

Fit InspectReport::fit() const noexcept {
  constexpr double most = 0.9;
  constexpr double half = 0.5;
  const double share = cost.share();
  if (share >= most && classification.guarded.size() <= most_partitions_of_good) {
    return Fit::well;
  }
  return share >= half ? Fit::partly : Fit::no;
}

std::vector<Obstacle> InspectReport::obstacles() const {
  std::map<const npu::Rule*, Obstacle> by_rule;
  for (std::size_t i = 0; i < classification.operators.size(); ++i) {
    const auto& findings = classification.operators[i].findings;
    if (!findings.empty()) {
      Obstacle& obstacle = by_rule[findings.front().rule];
      obstacle.rule = findings.front().rule;
      ++obstacle.operators;
      obstacle.macs += cost.macs[i];
    }
  }
  std::vector<Obstacle> out;
  for (const auto& [rule, obstacle] : by_rule) {
    out.push_back(obstacle);
  }
  std::ranges::sort(out, [](const Obstacle& a, const Obstacle& b) {
    return std::pair(a.macs, a.operators) != std::pair(b.macs, b.operators)
               ? std::pair(a.macs, a.operators) > std::pair(b.macs, b.operators)
               : a.rule->id < b.rule->id;
  });
  return out;
}

std::size_t InspectReport::count(Verdict guarded) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count(classification.operators, guarded, &npu::Placement::guarded));
}

std::string InspectReport::verdict_text() const {
  const std::size_t partitions = classification.guarded.size();
  if (partitions == 0) {
    return "Nothing of this model can run right on the NPU.";
  }
  std::string share = format_text("{} of the multiplications run right on the NPU, in {}",
                                  percent(cost.share()), plural(partitions, "partition"));
  switch (fit()) {
    case Fit::well:
      return share + ".";
    case Fit::partly:
      return partitions > most_partitions_of_good
                 ? share + ": each costs a crossing to the NPU and back."
                 : share + "; the rest stays on the CPU.";
    case Fit::no:
      return share + ": not worth the crossings.";
  }
  return share;
}

std::string InspectReport::mesa_text() const {
  if (mesa_named) {
    return classification.mesa.text();
  }
  if (!installed) {
    return classification.mesa.text() + " (none is installed here: Debian 14's is assumed)";
  }
  return installed->version == classification.mesa
             ? format_text("{} (installed: {} in {})", classification.mesa.text(),
                           printable(installed->release), printable(installed->library.string()))
             : format_text("{} ({} is installed, the rules of {} are the nearest)",
                           classification.mesa.text(), printable(installed->release),
                           classification.mesa.text());
}

std::string InspectReport::alone_text() const {
  const auto bad = static_cast<std::size_t>(
      std::ranges::count_if(classification.operators, [&](const npu::Placement& placement) {
        return placement.alone == classification.alone_verdict();
      }));
  switch (classification.alone_verdict()) {
    case Verdict::npu:
      return format_text("right, {}", plural(classification.alone.size(), "partition"));
    case Verdict::cpu:
      return "takes nothing";
    case Verdict::wrong:
      return format_text("WRONG RESULTS, silently: {}", plural(bad, "operator"));
    case Verdict::crash:
      return format_text("CRASHES the process: {}", plural(bad, "operator"));
  }
  return {};
}

std::string to_text(const InspectReport& report) {
  using enum Table::Align;
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  const auto title = [&](std::string_view text) {
    return "\n" + styled(terminal, Style::bold, text) + "\n";
  };
  const model_file::ModelInfo& info = report.info;
  Table head({left, left});
  head.row({"model", format_text("{} ({}, {}, {})", printable(report.model),
                                 model_file::task_name(info.task), human_bytes(info.file_bytes),
                                 plural(report.graph.operators.size(), "operator"))});
  if (!info.description.empty()) {
    constexpr std::size_t longest = 100;
    head.row({"description", printable(std::string_view(info.description).substr(0, longest))});
  }
  for (const TensorSpec& input : info.inputs) {
    head.row({"input", format_text("{} {}; {}", printable(input.name), input.description(),
                                   quantization_text(input))});
  }
  for (const TensorSpec& output : info.outputs) {
    head.row({"output", format_text("{} {}; {}", printable(output.name), output.description(),
                                    quantization_text(output))});
  }
  head.row({"labels", info.labels.empty()
                          ? "none in the file"
                          : format_text("{} in the file, the first: {}", info.labels.size(),
                                        printable(info.labels.front()))});
  for (const std::string& warning : info.warnings) {
    head.row({"warning", printable(warning)});
  }
  if (info.subgraphs > 1) {
    head.row(
        {"warning", format_text("{} subgraphs: only the main one is looked at", info.subgraphs)});
  }
  head.row({"Mesa", report.mesa_text()});
  std::string out = head.text();

  out += title("Operators");
  out += operators_text(report, terminal);

  out += title("On the NPU");
  Table sum({left, left});
  sum.row({"operators",
           format_text("{} of {} on the NPU; CPU: {} refused, {} would be wrong, {} would crash",
                       report.count(Verdict::npu), report.graph.operators.size(),
                       report.count(Verdict::cpu), report.count(Verdict::wrong),
                       report.count(Verdict::crash))});
  sum.row({"MACs", format_text("{} {} of {}  {}", bar(report.cost.share(), 20),
                               human_count(report.cost.npu_macs),
                               human_count(report.cost.total_macs), percent(report.cost.share()))});
  sum.row({"partitions",
           format_text("{}; {} in, {} out across the border, {} NPU tasks",
                       report.classification.guarded.size(), human_bytes(report.cost.npu.bytes_in),
                       human_bytes(report.cost.npu.bytes_out), report.cost.npu.tasks)});
  if (report.cost.npu.tasks > 0) {
    sum.row({"time", format_text("at least {:.1f} ms for the NPU's part: a model at 200 MHz, not a "
                                 "measurement; boards were seen to take two to four times that",
                                 report.cost.npu.ms)});
  }
  sum.row({"Mesa alone",
           styled(terminal, style_of(report.classification.alone_verdict()), report.alone_text())});
  out += sum.text();

  const auto obstacles = report.obstacles();
  if (!obstacles.empty()) {
    constexpr std::size_t most_told = 6;
    out += title("What keeps operators off the NPU, the most work first");
    for (const Obstacle& obstacle : obstacles | std::views::take(most_told)) {
      const double share =
          report.cost.total_macs == 0
              ? 0
              : static_cast<double>(obstacle.macs) / static_cast<double>(report.cost.total_macs);
      out += format_text(
          "  {}  {}, {} of the MACs\n      {}\n", styled(terminal, Style::bold, obstacle.rule->id),
          plural(obstacle.operators, "operator"), percent(share), obstacle.rule->reason);
      if (!obstacle.rule->change.empty()) {
        out += format_text("      → {}\n", obstacle.rule->change);
      }
    }
    if (obstacles.size() > most_told) {
      out += format_text("  and {} more: see the column \"why\"\n", obstacles.size() - most_told);
    }
  }
  out += title("On the CPU");
  out += xnnpack_text(report);
  out += format_text("\n{}  {}\n", headline(report, terminal), report.verdict_text());
  return out;
}

std::string to_json(const InspectReport& report) {
  const npu::Classification& classification = report.classification;
  Json operators = Json::array();
  for (std::size_t i = 0; i < report.graph.operators.size(); ++i) {
    const npu::Operator& op = report.graph.operators[i];
    const npu::Placement& placement = classification.operators[i];
    const auto partition = [](std::int32_t index) { return index < 0 ? Json() : Json(index); };
    operators.push_back({{"index", i},
                         {"name", op.name},
                         {"inputs", op.inputs},
                         {"outputs", op.outputs},
                         {"macs", report.cost.macs[i]},
                         {"runs_on", placement.guarded == Verdict::npu ? "npu" : "cpu"},
                         {"verdict", npu::verdict_name(placement.guarded)},
                         {"alone", npu::verdict_name(placement.alone)},
                         {"partition", partition(placement.guarded_partition)},
                         {"alone_partition", partition(placement.alone_partition)},
                         {"xnnpack", xnnpack_json(report.xnnpack.operators[i])},
                         {"findings", findings_json(placement)}});
  }
  Json partitions = Json::array();
  for (std::size_t i = 0; i < classification.guarded.size(); ++i) {
    Json one = partition_json(classification.guarded[i]);
    const npu::PartitionCost& cost = report.cost.partitions[i];
    one["macs"] = cost.macs;
    one["bytes_in"] = cost.bytes_in;
    one["bytes_out"] = cost.bytes_out;
    one["tasks"] = cost.tasks;
    one["estimate_ms"] = four_decimals(cost.ms);
    partitions.push_back(std::move(one));
  }
  Json alone = Json::array();
  for (const npu::Partition& partition : classification.alone) {
    alone.push_back(partition_json(partition));
  }
  Json changes = Json::array();
  for (const Obstacle& obstacle : report.obstacles()) {
    changes.push_back({{"rule", obstacle.rule->id},
                       {"operators", obstacle.operators},
                       {"macs", obstacle.macs},
                       {"reason", obstacle.rule->reason},
                       {"change", obstacle.rule->change}});
  }
  const Json document = {
      {"gantry", GANTRY_VERSION},
      {"mesa",
       {{"version", classification.mesa.text()},
        {"installed", report.installed ? Json(report.installed->release) : Json()}}},
      {"model",
       {{"path", report.model},
        {"bytes", report.info.file_bytes},
        {"task", model_file::task_name(report.info.task)},
        {"description", report.info.description},
        {"subgraphs", report.info.subgraphs},
        {"labels", report.info.labels.size()},
        {"warnings", report.info.warnings}}},
      {"inputs", tensors_json(report.info.inputs)},
      {"outputs", tensors_json(report.info.outputs)},
      {"operators", std::move(operators)},
      {"alone",
       {{"verdict", npu::verdict_name(classification.alone_verdict())},
        {"partitions", std::move(alone)}}},
      {"npu",
       {{"operators", report.count(Verdict::npu)},
        {"macs", report.cost.npu_macs},
        {"total_macs", report.cost.total_macs},
        {"share", four_decimals(report.cost.share())},
        {"bytes_in", report.cost.npu.bytes_in},
        {"bytes_out", report.cost.npu.bytes_out},
        {"tasks", report.cost.npu.tasks},
        {"estimate_ms", four_decimals(report.cost.npu.ms)},
        {"estimate_basis",
         "a model of the NPU's part alone at 200 MHz; boards take two to four times that"},
        {"partitions", std::move(partitions)}}},
      {"verdict", {{"fit", fit_name(report.fit())}, {"text", report.verdict_text()}}},
      {"changes", std::move(changes)},
  };
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gantry::cli
