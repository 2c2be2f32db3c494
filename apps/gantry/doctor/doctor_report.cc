#include "doctor/doctor_report.h"

#include <nlohmann/json.hpp>
#include <ranges>
#include <string_view>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;
using system::Finding;
using system::Remedy;
using system::Status;

constexpr std::size_t title_width = 20;
constexpr std::size_t text_width = 100;
constexpr std::string_view left_margin = "           ";  // below the titles

std::string mark(Status status, Terminal terminal) {
  switch (status) {
    case Status::ok:
      return styled(terminal, Style::green, "ok     ");
    case Status::warning:
      return styled(terminal, Style::yellow, "WARNING");
    case Status::failure:
      return styled(terminal, Style::red, "FAILURE");
    case Status::skipped:
      return styled(terminal, Style::dim, "skipped");
  }
  return {};
}

/// Words of `text` in lines of at most text_width columns, each after `left_margin`.
std::string wrapped(std::string_view text) {
  std::string out;
  std::size_t column = text_width;
  for (const auto part : text | std::views::split(' ')) {
    const std::string_view word(part);
    if (column + columns(word) + 1 > text_width) {
      out += out.empty() ? "" : "\n";
      out += left_margin;
      column = left_margin.size();
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns(word);
  }
  return out + "\n";
}

std::string remedy_text(const Remedy& remedy, Terminal terminal) {
  std::string out = format_text(
      "{}{}\n", left_margin,
      styled(terminal, Style::bold,
             remedy.where.empty() ? "To mend or look further:" : "To mend, " + remedy.where + ":"));
  for (const auto line : remedy.text | std::views::split('\n')) {
    out += format_text("{}  {}\n", left_margin, std::string_view(line));
  }
  return out;
}

}  // namespace

std::string to_text(const DoctorReport& report, Terminal terminal) {
  std::string out;
  for (const Finding& finding : report.findings) {
    const bool is_good = finding.status == Status::ok;
    const std::string gap(title_width - std::min(title_width, columns(finding.title)), ' ');
    const std::string& first = finding.found.empty() ? finding.why : finding.found;
    out += format_text("  {}  {}{} {}\n", mark(finding.status, terminal),
                       styled(terminal, Style::bold, finding.title), gap, printable(first));
    if (finding.status == Status::failure || finding.status == Status::warning) {
      out += wrapped("Wanted: " + finding.wanted + ".");
    }
    if (!finding.found.empty() && !finding.why.empty()) {
      out += wrapped(printable(finding.why));
    }
    if (!is_good) {
      for (const Remedy& remedy : fitting(finding.remedies, report.survey)) {
        out += remedy_text(remedy, terminal);
      }
    }
  }
  return out + format_text("\n{}  {}\n",
                           report.is_usable ? styled(terminal, Style::green, "USABLE")
                                            : styled(terminal, Style::red, "NOT USABLE"),
                           report.verdict);
}

std::string to_json(const DoctorReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    Json remedies = Json::array();
    for (const Remedy& remedy : finding.remedies) {
      remedies.push_back(
          {{"where", remedy.where.empty() ? "anywhere" : remedy.where}, {"text", remedy.text}});
    }
    findings.push_back({{"id", finding.id},
                        {"title", finding.title},
                        {"status", status_name(finding.status)},
                        {"found", printable(finding.found)},
                        {"wanted", finding.wanted},
                        {"why", printable(finding.why)},
                        {"remedies", std::move(remedies)}});
  }
  const system::Survey& seen = report.survey;
  Json nodes = Json::array();
  for (const auto& node : seen.nodes) {
    nodes.push_back(
        {{"path", node.path.string()}, {"driver", node.driver}, {"present", node.in_dev}});
  }
  Json cores = Json::array();
  for (const auto& core : seen.cores) {
    cores.push_back(core.device);
  }
  const auto* const library = seen.teflon.found();
  Json machine = {
      {"board", printable(seen.board.model)},
      {"kernel", printable(seen.kernel.release)},
      {"distribution", printable(seen.distribution.id)},
      {"container", seen.container.kind},
      {"nodes", std::move(nodes)},
      {"cores", std::move(cores)},
      {"library", library == nullptr ? Json() : Json(library->path.string())},
      {"mesa",
       library != nullptr && library->facts.mesa ? Json(library->facts.mesa->text) : Json()},
      {"clock_hz", seen.clock.hz ? Json(*seen.clock.hz) : Json()},
      {"temperature_celsius", seen.temperature ? Json(seen.temperature->celsius) : Json()}};
  const Json out = {{"usable", report.is_usable},
                    {"verdict", report.verdict},
                    {"machine", std::move(machine)},
                    {"findings", std::move(findings)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gantry::cli
