#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "gantry/http/message.h"
#include "gantry/inference/service.h"
#include "gantry/metrics/registry.h"

namespace gantry::api {

struct ApiConfig {
  std::chrono::milliseconds request_timeout{30'000};  ///< from the request's first byte to its answer → 504
  std::string program_version;
};

/// The routes of Gantry's own HTTP API: POST /infer, GET /health, /health/live, /health/ready,
/// /metrics, /, /openapi.json. Wire formats and status codes only.
/// Threads: thread-safe; must outlive the server that calls it.
class Api {
 public:
  Api(ApiConfig config, inference::Service& service, metrics::Registry& metrics);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  void handle(std::shared_ptr<http::Exchange> exchange);
  /// `{"success": false, "error": …, "code": …}`.
  [[nodiscard]] static http::Response error_response(int status, std::string_view code, std::string_view message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::api
