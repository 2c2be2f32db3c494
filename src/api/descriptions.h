#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/http/message.h"
#include "gantry/inference/service.h"

namespace gantry::api {

/// What the service says about itself. The functions are pure.

/// `GET /health`: 200 or 503, and the models with their state.
[[nodiscard]] http::Response health_answer(const std::vector<inference::ModelStatus>& models,
                                           bool is_ready, std::string_view version,
                                           Clock::duration uptime);
/// `GET /health/live` and `/health/ready`.
[[nodiscard]] http::Response live_answer();
[[nodiscard]] http::Response ready_answer(bool is_ready);

/// `GET /` for programs.
[[nodiscard]] http::Response description_answer(const std::vector<inference::ModelStatus>& models,
                                                std::string_view version);
/// `GET /` for browsers. The page's script and style are allowed by a nonce that changes with every
/// answer.
[[nodiscard]] http::Response page_answer();
/// `GET /openapi.json`.
[[nodiscard]] http::Response openapi_answer(std::string_view version);

}  // namespace gantry::api
