#pragma once

#include <string>

#include "gantry/inference/types.h"

namespace gantry::api {

/// The answer to a picture as one JSON object: the body of POST /infer, and one result of `gantry
/// run --json`. Foreign text (labels) that is no UTF-8 is replaced.
[[nodiscard]] std::string response_json(const inference::Response& response);

}  // namespace gantry::api
