#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/terminal.h"
#include "inspect/inspect_report.h"

// The page of `gantry inspect --html`: no script, nothing from elsewhere, light and dark.
namespace gantry::cli {
namespace {

using npu::Verdict;

constexpr std::string_view style = R"(:root{color-scheme:light dark;--back:#fff;--text:#1c2430;
--soft:#5d6876;--line:#c3cad3;--card:#f4f6f8;--npu:#1a7a42;--cpu:#626e7d;--wrong:#965a00;--crash:#c2303a}
@media (prefers-color-scheme:dark){:root{--back:#12161c;--text:#e6eaf0;--soft:#9aa6b5;--line:#3a4452;
--card:#1b212a;--npu:#3fb56f;--cpu:#8794a6;--wrong:#e09a2b;--crash:#f0626b}}
*{box-sizing:border-box}body{margin:0;padding:24px;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,sans-serif;max-width:1280px;margin:auto}h1{font-size:22px;margin:0 0 4px;
overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 8px}p{margin:4px 0}.soft{color:var(--soft)}
.badge{display:inline-block;padding:2px 10px;border-radius:12px;color:var(--back);font-weight:600}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}.fact{background:var(--card);padding:8px 14px;
border-radius:8px}.fact b{display:block;font-size:19px}.bar{height:10px;border-radius:5px;
background:var(--line);overflow:hidden}.bar i{display:block;height:100%;background:var(--npu)}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:4px 10px;
border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
.wide{overflow-x:auto}.npu{--c:var(--npu)}.cpu{--c:var(--cpu)}.wrong{--c:var(--wrong)}.crash{--c:var(--crash)}
.place{color:var(--c);font-weight:600;white-space:nowrap}.badge{background:var(--c)}
svg text{fill:var(--text);font:12px system-ui,sans-serif}svg .small{fill:var(--soft);font-size:11px}
svg rect.box{fill:var(--card);stroke:var(--c);stroke-width:2}svg rect.mark{fill:var(--c)}
svg path{fill:none;stroke:var(--line);stroke-width:1.5}.key span{margin-right:18px;white-space:nowrap}
.key i{display:inline-block;width:12px;height:12px;border-radius:3px;background:var(--c);margin-right:6px}
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string why(const npu::Placement& placement) {
  std::string out;
  for (const npu::Finding& finding : placement.findings) {
    out += format_text("{}{}{} [{}]", out.empty() ? "" : "\n", finding.rule->reason,
                       finding.found.empty() ? "" : " (" + finding.found + ")", finding.rule->id);
  }
  return out;
}

struct Point {
  double x = 0;
  double y = 0;
};

constexpr double box_width = 176;
constexpr double box_height = 40;
constexpr double gap_x = 24;
constexpr double gap_y = 22;

/// Where each operator stands: a row below the last of those that it waits for.
struct Layout {
  explicit Layout(const npu::Graph& graph, const npu::Links& links);
  std::vector<Point> boxes;  ///< upper left corners
  double width = 0;
  double height = 0;
};

Layout::Layout(const npu::Graph& graph, const npu::Links& links) : boxes(graph.operators.size()) {
  std::vector<std::size_t> row_of(boxes.size(), 0);
  std::vector<std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (const std::int32_t tensor : graph.operators[i].inputs) {
      const std::int32_t producer =
          tensor < 0 ? -1 : links.producer[static_cast<std::size_t>(tensor)];
      if (producer >= 0 && static_cast<std::size_t>(producer) < i) {
        row_of[i] = std::max(row_of[i], row_of[static_cast<std::size_t>(producer)] + 1);
      }
    }
    rows.resize(std::max(rows.size(), row_of[i] + 1));
    rows[row_of[i]].push_back(i);
  }
  std::size_t widest = 1;
  for (const auto& row : rows) {
    widest = std::max(widest, row.size());
  }
  constexpr double margin = 60;  // for lines that pass by
  width = (static_cast<double>(widest) * (box_width + gap_x)) + (2 * margin);
  height = (static_cast<double>(rows.size()) * (box_height + gap_y)) + gap_y;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double left =
        (width - (static_cast<double>(rows[r].size()) * (box_width + gap_x)) + gap_x) / 2;
    for (std::size_t k = 0; k < rows[r].size(); ++k) {
      boxes[rows[r][k]] = {.x = left + (static_cast<double>(k) * (box_width + gap_x)),
                           .y = gap_y + (static_cast<double>(r) * (box_height + gap_y))};
    }
  }
}

/// A line from one box to another; past the boxes between where it skips rows.
std::string edge(Point from, Point to) {
  const double x1 = from.x + (box_width / 2);
  const double y1 = from.y + box_height;
  const double x2 = to.x + (box_width / 2);
  const double y2 = to.y;
  if (y2 - y1 <= gap_y + 1) {
    return format_text("<path d=\"M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}\"/>", x1,
                       y1, x1, y1 + (gap_y / 2), x2, y2 - (gap_y / 2), x2, y2);
  }
  constexpr double beside = 26;
  const double side = std::max(from.x, to.x) + box_width + beside;
  return format_text(
      "<path d=\"M{0:.0f} {1:.0f}C{0:.0f} {2:.0f} {3:.0f} {1:.0f} {3:.0f} {4:.0f}"
      "L{3:.0f} {5:.0f}C{3:.0f} {7:.0f} {6:.0f} {8:.0f} {6:.0f} {7:.0f}\"/>",
      x1, y1, y1 + (gap_y / 2), side, y1 + box_height, y2 - box_height, x2, y2, y2 - (gap_y / 2));
}

std::string graph_svg(const InspectReport& report) {
  const npu::Links links(report.graph);
  const Layout layout(report.graph, links);
  std::string out = format_text(
      "<div class=\"wide\"><svg role=\"img\" aria-label=\"graph\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\">\n",
      layout.width, layout.height);
  for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
    for (const std::int32_t tensor : report.graph.operators[i].inputs) {
      const std::int32_t producer =
          tensor < 0 ? -1 : links.producer[static_cast<std::size_t>(tensor)];
      if (producer >= 0 && static_cast<std::size_t>(producer) < i) {
        out += edge(layout.boxes[static_cast<std::size_t>(producer)], layout.boxes[i]) + "\n";
      }
    }
  }
  constexpr std::size_t longest_name = 21;
  for (std::size_t i = 0; i < layout.boxes.size(); ++i) {
    const npu::Operator& op = report.graph.operators[i];
    const npu::Placement& placement = report.classification.operators[i];
    const Point at = layout.boxes[i];
    const std::string partition =
        placement.guarded_partition < 0 ? "" : format_text(" · p{}", placement.guarded_partition);
    out += format_text(
        "<g class=\"{}\"><title>{}</title><rect class=\"box\" x=\"{:.0f}\" y=\"{:.0f}\" "
        "width=\"{:.0f}\" height=\"{:.0f}\" rx=\"6\"/><rect class=\"mark\" x=\"{:.0f}\" "
        "y=\"{:.0f}\" width=\"7\" height=\"{:.0f}\" rx=\"3\"/>",
        npu::verdict_name(placement.guarded),
        escaped(format_text("#{} {}: {}", i, op.name, place_of(placement.guarded))) +
            (placement.findings.empty() ? "" : " - " + escaped(why(placement))),
        at.x, at.y, box_width, box_height, at.x, at.y, box_height);
    out += format_text(
        "<text x=\"{:.0f}\" y=\"{:.0f}\">{}</text><text class=\"small\" x=\"{:.0f}\" "
        "y=\"{:.0f}\">{}{}</text></g>\n",
        at.x + 14, at.y + 16, escaped(std::string_view(op.name).substr(0, longest_name)), at.x + 14,
        at.y + 32, escaped(format_text("#{} {}", i, output_shape(report.graph, op))), partition);
  }
  return out + "</svg></div>\n";
}

std::string_view fit_class(Fit fit) {
  switch (fit) {
    case Fit::well:
      return "npu";
    case Fit::partly:
      return "wrong";
    case Fit::no:
      return "crash";
  }
  return "crash";
}

std::string_view fit_text(Fit fit) {
  switch (fit) {
    case Fit::well:
      return "Well suited";
    case Fit::partly:
      return "Partly suited";
    case Fit::no:
      return "Not suited";
  }
  return "Not suited";
}

std::string operators_table(const InspectReport& report) {
  std::string out =
      "<div class=\"wide\"><table><tr><th class=\"n\">#</th><th>operator</th><th>output</th>"
      "<th class=\"n\">MACs</th><th>runs on</th><th class=\"n\">partition</th><th>why</th></tr>\n";
  for (std::size_t i = 0; i < report.graph.operators.size(); ++i) {
    const npu::Operator& op = report.graph.operators[i];
    const npu::Placement& placement = report.classification.operators[i];
    std::string reason;
    if (!placement.findings.empty()) {
      const npu::Finding& first = placement.findings.front();
      reason = escaped(first.rule->reason) +
               (first.found.empty() ? "" : " (" + escaped(first.found) + ")");
    }
    out += format_text(
        "<tr class=\"{}\"><td class=\"n\">{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>"
        "<td class=\"place\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        npu::verdict_name(placement.guarded), i, escaped(op.name),
        escaped(output_shape(report.graph, op)), human_count(report.cost.macs[i]),
        place_of(placement.guarded),
        placement.guarded_partition < 0 ? "" : format_text("{}", placement.guarded_partition),
        reason);
  }
  return out + "</table></div>\n";
}

}  // namespace

std::string to_html(const InspectReport& report) {
  std::string out = format_text(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{0}</title><style>{1}</style></head><body>\n<h1>{0}</h1>\n",
      escaped(report.model), style);
  out += format_text("<p><span class=\"badge {}\">{}</span> {}</p>\n", fit_class(report.fit()),
                     fit_text(report.fit()), escaped(report.verdict_text()));
  out += format_text("<p class=\"soft\">Mesa {}; Mesa's delegate alone: {}.</p>\n",
                     escaped(report.mesa_text()), escaped(report.alone_text()));
  out += "<div class=\"facts\">";
  const npu::PartitionCost& cost = report.cost.npu;
  const std::array facts = {
      std::pair(format_text("{:.1f} %", report.cost.share() * 100),
                std::string("of the MACs on the NPU")),
      std::pair(format_text("{} / {}", report.count(Verdict::npu), report.graph.operators.size()),
                std::string("operators on the NPU")),
      std::pair(format_text("{}", report.classification.guarded.size()), std::string("partitions")),
      std::pair(human_bytes(cost.bytes_in + cost.bytes_out), std::string("cross the border")),
      std::pair(format_text("≥ {:.1f} ms", cost.ms),
                std::string("estimated for the NPU's part, 200 MHz")),
      std::pair(human_bytes(report.info.file_bytes), std::string("file"))};
  for (const auto& [value, name] : facts) {
    out += format_text("<div class=\"fact\"><b>{}</b>{}</div>", value, name);
  }
  out += format_text("</div><div class=\"bar\"><i style=\"width:{:.1f}%\"></i></div>\n",
                     report.cost.share() * 100);
  out += "<h2>Inputs and outputs</h2><div class=\"wide\"><table>\n";
  for (const auto* const specs : {&report.info.inputs, &report.info.outputs}) {
    for (const TensorSpec& spec : *specs) {
      out += format_text("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                         specs == &report.info.inputs ? "input" : "output", escaped(spec.name),
                         escaped(spec.description()));
    }
  }
  out += "</table></div>\n";
  const auto obstacles = report.obstacles();
  if (!obstacles.empty()) {
    out +=
        "<h2>What keeps operators off the NPU, the most work first</h2><div class=\"wide\"><table>"
        "<tr><th class=\"n\">operators</th><th class=\"n\">MACs</th><th>why</th><th>what to "
        "change</th></tr>\n";
    for (const Obstacle& obstacle : obstacles) {
      out += format_text(
          "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
          obstacle.operators, human_count(obstacle.macs), escaped(obstacle.rule->reason),
          escaped(obstacle.rule->change));
    }
    out += "</table></div>\n";
  }
  out +=
      "<h2>Graph</h2><p class=\"key\"><span class=\"npu\"><i></i>NPU</span><span class=\"cpu\">"
      "<i></i>CPU</span><span class=\"wrong\"><i></i>CPU: the NPU would get it wrong</span>"
      "<span class=\"crash\"><i></i>CPU: the NPU would crash</span></p>\n";
  out += graph_svg(report);
  out += "<h2>Operators</h2>\n" + operators_table(report);
  return out + "</body></html>\n";
}

}  // namespace gantry::cli
