#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::http {

/// The parts of a request target.
struct Target {
  std::string path;  ///< percent-decoded
  std::vector<std::pair<std::string, std::string>> query;
};

/// Splits `target` into its parts: origin form "/a?b=c", absolute form "http://host/a?b=c", for
/// OPTIONS also "*"; for CONNECT the path is the unchanged target. Errors: invalid_argument for
/// another form, a fragment, a bad escape or an escaped NUL.
[[nodiscard]] Result<Target> parse_target(std::string_view method, std::string_view target);

/// Decodes percent escapes. Empty if an escape is bad or stands for NUL. With `plus_is_space`
/// (queries and forms) a plus sign is a space.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// Whether it is 1 to 128 of [A-Za-z0-9._-]: such an id is taken from the client and written into
/// logs and headers.
[[nodiscard]] bool is_request_id(std::string_view text);

}  // namespace gantry::http
