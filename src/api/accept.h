#pragma once

#include <string_view>

namespace gantry::api {

/// Does an Accept header ask for HTML, as browsers do? It has to be named (a wildcard is no wish)
/// and to weigh no less than a JSON that is named too. Source: RFC 9110, section 12.5.1.
[[nodiscard]] bool prefers_html(std::string_view accept);

}  // namespace gantry::api
