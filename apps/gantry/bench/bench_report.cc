#include "bench/bench_report.h"

#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/terminal.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Four significant digits are more than a measurement here holds; 17 would be noise.
Json to_json(const measure::Summary& s) {
  return {{"count", s.count},
          {"average", four_decimals(s.average)},
          {"deviation", four_decimals(s.deviation)},
          {"min", four_decimals(s.min)},
          {"max", four_decimals(s.max)},
          {"p50", four_decimals(s.p50)},
          {"p90", four_decimals(s.p90)},
          {"p95", four_decimals(s.p95)},
          {"p99", four_decimals(s.p99)}};
}

std::string number(double ms) {
  if (ms < 1) {
    return format_text("{:.3f}", ms);
  }
  return ms < 100 ? format_text("{:.2f}", ms) : format_text("{:.1f}", ms);
}
std::string with_unit(double ms) { return number(ms) + " ms"; }
std::string title(Terminal terminal, std::string_view text) {
  return "\n" + styled(terminal, Style::bold, text) + "\n";
}

std::string verdict(const BenchReport& report, Terminal terminal) {
  const bool good = report.meets_target();
  return format_text(
      "{}  average {} on the {} is {} the target of {}, and {}\n",
      good ? styled(terminal, Style::green, "GOOD") : styled(terminal, Style::red, "TOO SLOW"),
      with_unit(report.judged().average), report.npu && report.npu->is_measured() ? "NPU" : "CPU",
      good ? "below" : "not below", format_text("{:g} ms", report.target_ms),
      measure::against_plan(report.judged().average));
}

std::string operators_text(const BenchReport& report, Terminal terminal) {
  using enum Table::Align;
  const double total =
      std::accumulate(report.operators.begin(), report.operators.end(), 0.0,
                      [](double sum, const measure::OperatorCost& cost) { return sum + cost.ms; });
  const auto share = [&](double ms) { return total > 0 ? ms / total : 0; };
  std::string out = title(terminal, "Operators, in the order of execution");
  Table each({right, left, right, right, left});
  each.row({"#", "operator", "ms", "share", ""});
  for (const measure::OperatorCost& cost : report.operators) {
    each.row({format_text("{}", cost.index), printable(cost.name), format_text("{:.3f}", cost.ms),
              percent(share(cost.ms)), bar(share(cost.ms), 20)});
  }
  out += each.text();
  out += title(terminal, "Operators by type");
  Table types({right, left, right, right, left});
  types.row({"count", "operator", "ms", "share", ""});
  for (const measure::OperatorCost& cost : measure::by_type(report.operators)) {
    types.row({format_text("{}", cost.index), printable(cost.name), format_text("{:.3f}", cost.ms),
               percent(share(cost.ms)), bar(share(cost.ms), 20)});
  }
  types.row({"", "all", format_text("{:.3f}", total), percent(total > 0 ? 1 : 0)});
  return out + types.text();
}

}  // namespace

namespace {

Json to_json(const std::vector<BenchReport::SlotsRow>& rows) {
  Json table = Json::array();
  for (const auto& row : rows) {
    table.push_back({{"slots", row.slots},
                     {"per_second", four_decimals(row.per_second)},
                     {"speed_up", four_decimals(row.speed_up)},
                     {"efficiency", four_decimals(row.efficiency)},
                     {"invoke_ms", to_json(row.invoke_ms)}});
  }
  return table;
}

Json to_json(const BenchReport::Npu& npu) {
  const auto& found = npu.found;
  Json json = {{"measured", npu.is_measured()},
               {"reason", found.reason.empty() ? Json(nullptr) : Json(found.reason)},
               {"proof", backend::proof_name(found.proof)},
               {"proof_result", found.proof_words},
               {"operators_npu", found.operators_npu},
               {"operators_cpu", found.operators_cpu},
               {"partitions", found.partitions},
               {"library", found.library},
               {"mesa", found.mesa}};
  if (npu.is_measured()) {
    Json samples = Json::array();
    for (const double sample : npu.samples_ms) {
      samples.push_back(four_decimals(sample));
    }
    json["invoke_ms"] = to_json(npu.invoke_ms);
    json["invoke_ms"]["samples"] = std::move(samples);
    json["in_process_ms"] = four_decimals(npu.in_process_ms);
    json["delegate_ms"] = four_decimals(npu.delegate_ms);
    json["slots_table"] = to_json(npu.slots_table);
  }
  return json;
}

}  // namespace

std::string to_json(const BenchReport& report) {
  Json samples = Json::array();
  for (const double sample : report.samples_ms) {
    samples.push_back(four_decimals(sample));
  }
  Json document = {
      {"gantry", GANTRY_VERSION},
      {"tensorflow_lite", report.tensorflow_lite},
      {"cpu_backend",
       {{"name", backend::cpu_backend_name(report.cpu_backend)},
        {"reason",
         report.cpu_backend.reason.empty() ? Json(nullptr) : Json(report.cpu_backend.reason)},
        {"operators", report.cpu_backend.operators},
        {"operators_xnnpack", report.cpu_backend.operators_xnnpack},
        {"partitions", report.cpu_backend.partitions},
        {"proof_result", report.cpu_backend.proof_words}}},
      {"machine", {{"cpu", report.cpu}, {"cores", report.cores}}},
      {"npu",
       {{"node", report.accel_node.empty() ? Json(nullptr) : Json(report.accel_node)},
        {"measured", false}}},
      {"device", "cpu"},
      {"model", {{"path", report.model}, {"bytes", report.model_bytes}, {"task", report.task}}},
      {"input", {{"tensors", report.input}, {"fed", report.fed}}},
      {"threads", report.threads},
      {"warm_up", report.warm_up},
      {"load_ms",
       {{"read", four_decimals(report.read_ms)},
        {"create", four_decimals(report.create_ms)},
        {"allocate", four_decimals(report.allocate_ms)},
        {"total", four_decimals(report.read_ms + report.create_ms + report.allocate_ms)}}},
      {"first_invoke_ms", four_decimals(report.first_ms)},
      {"invoke_ms", to_json(report.invoke_ms)},
      {"memory_bytes",
       {{"before_load", report.before.resident},
        {"after_first_invoke", report.after.resident},
        {"peak", report.after.peak}}},
  };
  if (report.target_ms > 0) {
    document["verdict"] = {{"target_ms", report.target_ms},
                           {"good", report.meets_target()},
                           {"device", report.npu && report.npu->is_measured() ? "npu" : "cpu"},
                           {"text", measure::against_plan(report.judged().average)}};
  }
  if (report.image) {
    document["image"] = {{"width", report.image->width},
                         {"height", report.image->height},
                         {"decode_ms", four_decimals(report.image->decode_ms)},
                         {"resize_ms", four_decimals(report.image->resize_ms)}};
  }
  for (const auto& row : report.threads_table) {
    document["threads_table"].push_back(
        {{"threads", row.threads}, {"invoke_ms", to_json(row.invoke_ms)}});
  }
  if (!report.slots_table.empty()) {
    document["slots_table"] = to_json(report.slots_table);
  }
  if (report.npu) {
    document["npu"] = to_json(*report.npu);
  }
  for (const auto& cost : report.operators) {
    document["operators"].push_back(
        {{"index", cost.index}, {"name", cost.name}, {"ms", four_decimals(cost.ms)}});
  }
  if (!report.operators.empty()) {
    for (const auto& cost : measure::by_type(report.operators)) {
      document["operator_types"].push_back(
          {{"name", cost.name}, {"count", cost.index}, {"ms", four_decimals(cost.ms)}});
    }
  }
  document["invoke_ms"]["samples"] = std::move(samples);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<BenchReport> bench_report_from_json(std::string_view text) {
  BenchReport report;
  try {
    const Json document = Json::parse(text);
    report.model = document.at("model").at("path").get<std::string>();
    report.model_bytes = document.at("model").at("bytes").get<std::uint64_t>();
    report.cpu = document.at("machine").at("cpu").get<std::string>();
    report.cores = document.at("machine").at("cores").get<std::size_t>();
    report.tensorflow_lite = document.at("tensorflow_lite").get<std::string>();
    report.fed = document.at("input").at("fed").get<std::string>();
    report.threads = document.at("threads").get<std::int64_t>();
    report.read_ms = document.at("load_ms").at("read").get<double>();
    report.create_ms = document.at("load_ms").at("create").get<double>();
    report.allocate_ms = document.at("load_ms").at("allocate").get<double>();
    report.first_ms = document.at("first_invoke_ms").get<double>();
    report.samples_ms = document.at("invoke_ms").at("samples").get<std::vector<double>>();
    report.after.resident =
        document.at("memory_bytes").at("after_first_invoke").get<std::uint64_t>();
    report.after.peak = document.at("memory_bytes").at("peak").get<std::uint64_t>();
  } catch (const Json::exception& e) {
    return fail(Code::invalid_argument,
                format_text("want a document that `gantry bench --json` wrote: {}", e.what()));
  }
  report.invoke_ms = measure::summarise(report.samples_ms);
  if (!(report.invoke_ms.average > 0)) {
    return fail(Code::invalid_argument, "invoke_ms.samples: want at least one time above 0");
  }
  return report;
}

namespace {

std::string npu_text(const BenchReport& report) {
  if (!report.npu) {
    return "not looked for (--device cpu)";
  }
  const auto& found = report.npu->found;
  if (!found.reason.empty()) {
    return format_text("not measured: {}", printable(found.reason));
  }
  const bool is_proven = found.proof == backend::Proof::passed;
  return format_text("{} of {} operators in {} partition{}, {}{}{}; Mesa {}", found.operators_npu,
                     found.operators_npu + found.operators_cpu, found.partitions,
                     found.partitions == 1 ? "" : "s", is_proven ? "proven (" : "",
                     printable(found.proof_words), is_proven ? ")" : "",
                     found.mesa.empty() ? "unknown" : found.mesa);
}

std::string backend_text(const backend::CpuReport& cpu) {
  if (!cpu.is_xnnpack) {
    return format_text("TensorFlow Lite's own kernels: {}", printable(cpu.reason));
  }
  return format_text(
      "XNNPACK, {} of {} operators in {} partition{}{}", cpu.operators_xnnpack, cpu.operators,
      cpu.partitions, cpu.partitions == 1 ? "" : "s",
      cpu.proof_words.empty() ? "" : format_text("; against TensorFlow Lite: {}", cpu.proof_words));
}

std::string slots_text(const std::vector<BenchReport::SlotsRow>& rows) {
  using enum Table::Align;
  Table table({right, right, right, right, right, right});
  table.row({"slots", "per second", "speed-up", "efficiency", "p50 ms", "p99 ms"});
  for (const auto& row : rows) {
    table.row({format_text("{}", row.slots), format_text("{:.1f}", row.per_second),
               format_text("{:.2f}", row.speed_up), format_text("{:.0f} %", row.efficiency * 100),
               number(row.invoke_ms.p50), number(row.invoke_ms.p99)});
  }
  return table.text();
}

/// NPU against CPU, where the NPU's time goes, and its slots.
std::string npu_tables(const BenchReport& report, const Terminal& terminal) {
  using enum Table::Align;
  const BenchReport::Npu& npu = *report.npu;
  std::string out = title(terminal, "NPU against CPU, one inference at a time");
  Table table({left, right, right, right, right, right});
  table.row({"", "average ms", "min", "p50", "p99", "speed-up"});
  const auto row = [&](const char* name, const measure::Summary& s) {
    table.row({name, number(s.average), number(s.min), number(s.p50), number(s.p99),
               format_text("{:.2f}", report.invoke_ms.p50 / s.p50)});
  };
  row("CPU", report.invoke_ms);
  row("NPU", npu.invoke_ms);
  out += table.text();
  if (npu.in_process_ms > 0) {
    out += format_text(
        "  Of an invoke in the NPU's process ({} ms, median) the delegate takes {} ms "
        "(conversions, "
        "the NPU, the wait\n  for it); the rest is operators on the CPU. To that process and back: "
        "{} ms.\n",
        number(npu.in_process_ms), number(npu.delegate_ms),
        number(std::max(0.0, npu.invoke_ms.p50 - npu.in_process_ms)));
  }
  out += title(terminal, "NPU slots: inferences at the same time, a process each");
  return out + slots_text(npu.slots_table);
}

}  // namespace

std::string to_text(const BenchReport& report) {
  using enum Table::Align;
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  std::string out;
  Table head({left, left});
  head.row({"model", format_text("{} ({}, {})", printable(report.model), report.task,
                                 human_bytes(report.model_bytes))});
  head.row({"input", format_text("{}; {}", report.input, printable(report.fed))});
  head.row(
      {"machine", format_text("{}, {} core{}; TensorFlow Lite {}, {} thread{}", report.cpu,
                              report.cores, report.cores == 1 ? "" : "s", report.tensorflow_lite,
                              report.threads, report.threads == 1 ? "" : "s")});
  head.row({"CPU backend", backend_text(report.cpu_backend)});
  head.row({"NPU", npu_text(report)});
  out += head.text();

  const measure::Summary& s = report.invoke_ms;
  out += title(terminal, "Time");
  Table times({left, left});
  times.row({"load", format_text("{} (read {}, create {}, allocate {})",
                                 with_unit(report.read_ms + report.create_ms + report.allocate_ms),
                                 number(report.read_ms), number(report.create_ms),
                                 number(report.allocate_ms))});
  times.row({"first invoke", with_unit(report.first_ms)});
  times.row(
      {"warm invoke", format_text("average {} ± {}, min {}, max {} ({} runs after {} to warm up)",
                                  with_unit(s.average), number(s.deviation), number(s.min),
                                  number(s.max), s.count, report.warm_up)});
  times.row({"percentiles", format_text("p50 {}, p90 {}, p95 {}, p99 {}", number(s.p50),
                                        number(s.p90), number(s.p95), number(s.p99))});
  if (report.image) {
    times.row({"picture", format_text("{}×{}: decode {}, resize {}", report.image->width,
                                      report.image->height, with_unit(report.image->decode_ms),
                                      with_unit(report.image->resize_ms))});
  }
  times.row(
      {"memory", format_text("{} before, {} with the model loaded and run, {} at most",
                             human_bytes(report.before.resident),
                             human_bytes(report.after.resident), human_bytes(report.after.peak))});
  out += times.text();

  if (!report.threads_table.empty()) {
    out += title(terminal, "Threads of one inference");
    Table table({right, right, right, right, right, right});
    table.row({"threads", "average ms", "min", "p50", "p99", "speed-up"});
    for (const auto& row : report.threads_table) {
      table.row(
          {format_text("{}", row.threads), number(row.invoke_ms.average), number(row.invoke_ms.min),
           number(row.invoke_ms.p50), number(row.invoke_ms.p99),
           format_text("{:.2f}", report.threads_table.front().invoke_ms.p50 / row.invoke_ms.p50)});
    }
    out += table.text();
  }
  if (!report.slots_table.empty()) {
    out += title(terminal, format_text("Slots: inferences at the same time, {} thread{} each",
                                       report.threads, report.threads == 1 ? "" : "s"));
    out += slots_text(report.slots_table);
  }
  if (report.npu && report.npu->is_measured()) {
    out += npu_tables(report, terminal);
  }
  if (!report.operators.empty()) {
    out += operators_text(report, terminal);
  }
  if (report.target_ms > 0) {
    out += "\n" + verdict(report, terminal);
  }
  return out;
}

namespace {

struct ComparedRow {
  std::string_view name;  ///< member of the JSON document
  std::string_view text;
  double a, b;
  bool bytes;
};
std::vector<ComparedRow> compared_rows(const BenchReport& a, const BenchReport& b) {
  const auto load = [](const BenchReport& r) { return r.read_ms + r.create_ms + r.allocate_ms; };
  return {{"average_ms", "average", a.invoke_ms.average, b.invoke_ms.average, false},
          {"p50_ms", "p50", a.invoke_ms.p50, b.invoke_ms.p50, false},
          {"p90_ms", "p90", a.invoke_ms.p90, b.invoke_ms.p90, false},
          {"p99_ms", "p99", a.invoke_ms.p99, b.invoke_ms.p99, false},
          {"first_invoke_ms", "first invoke", a.first_ms, b.first_ms, false},
          {"load_ms", "load", load(a), load(b), false},
          {"memory_bytes", "memory", static_cast<double>(a.after.resident),
           static_cast<double>(b.after.resident), true},
          {"peak_memory_bytes", "memory at most", static_cast<double>(a.after.peak),
           static_cast<double>(b.after.peak), true}};
}

std::string_view change_name(measure::Change change) {
  switch (change) {
    case measure::Change::faster:
      return "faster";
    case measure::Change::slower:
      return "slower";
    case measure::Change::none:
      return "none";
  }
  return "none";
}

}  // namespace

std::vector<std::string> differences(const BenchReport& a, const BenchReport& b) {
  std::vector<std::string> out;
  const auto check = [&](std::string_view what, const std::string& x, const std::string& y) {
    if (x != y) {
      out.push_back(
          format_text("A and B differ in {}: {} and {}", what, printable(x), printable(y)));
    }
  };
  check("the size of the model", human_bytes(a.model_bytes), human_bytes(b.model_bytes));
  check("threads", std::to_string(a.threads), std::to_string(b.threads));
  check("input", a.fed, b.fed);
  check("the CPU", a.cpu, b.cpu);
  check("the number of cores", std::to_string(a.cores), std::to_string(b.cores));
  check("TensorFlow Lite", a.tensorflow_lite, b.tensorflow_lite);
  return out;
}

std::string comparison_text(const BenchReport& a, const BenchReport& b) {
  using enum Table::Align;
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  std::string out;
  Table head({left, left});
  head.row({"A", format_text("{}, {} runs", printable(a.model), a.invoke_ms.count)});
  head.row({"B", format_text("{}, {} runs", printable(b.model), b.invoke_ms.count)});
  out += head.text() + "\n";
  Table table({left, right, right, right});
  table.row({"", "A", "B", "B ÷ A"});
  for (const ComparedRow& row : compared_rows(a, b)) {
    const auto text = [&](double value) {
      return row.bytes ? human_bytes(static_cast<std::uint64_t>(value)) : with_unit(value);
    };
    table.row({std::string(row.text), text(row.a), text(row.b),
               row.a > 0 ? format_text("{:.3f}", row.b / row.a) : "-"});
  }
  out += table.text() + "\n";

  const measure::Comparison result = measure::compare(a.invoke_ms, b.invoke_ms);
  const std::string interval =
      std::isfinite(result.high)
          ? format_text("95 % interval {:.3f} to {:.3f}", result.low, result.high)
          : "too few runs for an interval";
  switch (result.change) {
    case measure::Change::faster:
      return out + format_text("{}  B takes {:.3f} of A's time; {}\n",
                               styled(terminal, Style::green, "FASTER"), result.ratio, interval);
    case measure::Change::slower:
      return out + format_text("{}  B takes {:.3f} of A's time; {}\n",
                               styled(terminal, Style::red, "SLOWER"), result.ratio, interval);
    case measure::Change::none:
      return out +
             format_text(
                 "{}  B takes {:.3f} of A's time, which is within the spread or under 2 %; {}\n",
                 styled(terminal, Style::bold, "NO DIFFERENCE"), result.ratio, interval);
  }
  return out;
}

std::string comparison_json(const BenchReport& a, const BenchReport& b) {
  Json document = Json::object();
  for (const ComparedRow& row : compared_rows(a, b)) {
    document[std::string(row.name)] = {
        {"a", four_decimals(row.a)},
        {"b", four_decimals(row.b)},
        {"ratio", row.a > 0 ? Json(four_decimals(row.b / row.a)) : Json(nullptr)}};
  }
  const measure::Comparison result = measure::compare(a.invoke_ms, b.invoke_ms);
  document["verdict"] = {
      {"change", change_name(result.change)},
      {"ratio", four_decimals(result.ratio)},
      {"low", four_decimals(result.low)},
      {"high", std::isfinite(result.high) ? Json(four_decimals(result.high)) : Json(nullptr)}};
  document["differences"] = differences(a, b);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gantry::cli
