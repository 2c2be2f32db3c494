#pragma once

#include <string>
#include <string_view>

namespace gantry::http {

/// Why the server answers a request by itself.
struct Problem {
  int status = 400;
  std::string_view code = "malformed_request";  ///< a literal
  std::string message;
};

}  // namespace gantry::http
