#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/http/message.h"
#include "gantry/http/server.h"
#include "gantry/inference/service.h"
#include "gantry/metrics/registry.h"

namespace gantry::api {

struct ApiConfig {
  /// Time from the request's first byte to its answer; after it, 504.
  std::chrono::milliseconds request_timeout{30'000};
  std::string program_version;
};

/// The routes of Gantry's own HTTP API: POST /infer, GET /health, /health/live, /health/ready,
/// /metrics, /, /openapi.json. It does wire formats and status codes only; web/openapi.json
/// describes them.
/// Threads: thread-safe; must outlive the server that calls it. The service and the registry must
///          outlive it. Requests that the service has not answered yet may outlive it, too.
class Api {
 public:
  Api(ApiConfig config, inference::Service& service, metrics::Registry& metrics);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// An http::Handler. Answers at once, except POST /infer, which a worker answers.
  void handle(std::shared_ptr<http::Exchange> exchange);

  /// `{"success": false, "error": …, "code": …}`: an http::ErrorResponse.
  [[nodiscard]] static http::Response error_response(int status, std::string_view code,
                                                     std::string_view message);
  /// Counts answers that the server gave by itself, and answers that were not written to their end.
  /// Other events with 499 are left out: a complete request is counted already.
  void count(const http::ConnectionEvent& event);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::api
