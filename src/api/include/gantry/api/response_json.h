#pragma once

#include <string>

#include "gantry/inference/types.h"

namespace gantry::api {

/// The answer to a picture as one JSON object: the body of POST /infer, and one result of
/// `gantry run --json`. web/openapi.json describes it (InferAnswer). Foreign text (labels) that is
/// no UTF-8 is replaced; all elements of raw outputs are written, however many there are.
[[nodiscard]] std::string response_json(const inference::Response& response);

}  // namespace gantry::api
