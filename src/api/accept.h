#pragma once

#include <string_view>

namespace gantry::api {

/// Whether an Accept header asks for HTML, as browsers do. It must name HTML (a wildcard does not
/// count), with a weight no smaller than JSON's if it names JSON, too. Source: RFC 9110, section
/// 12.5.1.
[[nodiscard]] bool prefers_html(std::string_view accept);

}  // namespace gantry::api
