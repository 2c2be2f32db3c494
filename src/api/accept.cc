#include "accept.h"

#include <algorithm>

#include "gantry/base/text.h"
#include "header_value.h"

namespace gantry::api {

bool prefers_html(std::string_view accept) {
  double html = 0;
  double json = 0;
  while (!accept.empty()) {
    const std::size_t comma = std::min(accept.find(','), accept.size());
    const auto entry = parse_header_value(accept.substr(0, comma));
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    if (!entry) {
      continue;
    }
    const double weight = parse_double(entry->parameter("q").value_or("1")).value_or(0);
    if (entry->value == "text/html" || entry->value == "application/xhtml+xml") {
      html = std::max(html, weight);
    } else if (entry->value == "application/json") {
      json = std::max(json, weight);
    }
  }
  return html > 0 && html >= json;
}

}  // namespace gantry::api
