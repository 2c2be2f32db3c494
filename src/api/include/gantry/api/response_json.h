#pragma once

#include <string>

#include "gantry/inference/types.h"

namespace gantry::api {

/// The answer for a picture as one JSON object: the body of POST /infer's answer, and one result of
/// `gantry run --json`. web/openapi.json describes it (InferAnswer). Invalid UTF-8 in foreign text
/// (labels) is replaced. All elements of raw outputs are written, whatever their number.
[[nodiscard]] std::string response_json(const inference::Response& response);

}  // namespace gantry::api
