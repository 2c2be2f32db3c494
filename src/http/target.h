#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::http {

/// A request target taken apart.
struct Target {
  std::string path;  ///< percent-decoded
  std::vector<std::pair<std::string, std::string>> query;
};

/// Takes `target` apart: origin form "/a?b=c", absolute form "http://host/a?b=c", for OPTIONS also
/// "*"; for CONNECT the path is the target as it is. Errors: invalid_argument for another form, a
/// fragment, a bad escape or an escaped NUL.
[[nodiscard]] Result<Target> parse_target(std::string_view method, std::string_view target);

/// Empty if an escape is bad or stands for NUL. A plus sign is a space if `plus_is_space` (queries
/// and forms).
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// 1 to 128 of [A-Za-z0-9._-]: what we take over from a client and write into logs and headers.
[[nodiscard]] bool is_request_id(std::string_view text);

}  // namespace gantry::http
