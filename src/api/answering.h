#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/http/message.h"
#include "gantry/inference/loaded_model.h"
#include "http_metrics.h"

namespace gantry::api {

/// What a log line says beside the request itself.
struct Outcome {
  int status = 200;
  std::size_t bytes = 0;    ///< of the answer's body
  std::string_view model;   ///< empty where none is meant
  std::string_view reason;  ///< of an error
};

/// Counts and logs one request.
void record(HttpMetrics& metrics, const http::Request& request, Route route,
            const Outcome& outcome) noexcept;

/// Answers at once: counts, logs, responds.
void answer(HttpMetrics& metrics, http::Exchange& exchange, Route route, http::Response response,
            std::string_view model = {}, std::string_view reason = {});

/// One picture between its request and its answer. Worker, deadline and hang-up race for it; the
/// first settles it, the others find nothing left to do. Shared by all three, and may outlive Api:
/// what it needs it owns. Threads: thread-safe.
class PendingAnswer {
 public:
  PendingAnswer(std::shared_ptr<http::Exchange> exchange, std::shared_ptr<HttpMetrics> metrics,
                std::shared_ptr<const inference::LoadedModel> model);
  ~PendingAnswer();
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;

  /// The service's result. Never throws.
  void complete(const Result<inference::Response>& result) noexcept;
  /// True if this call settled it.
  bool fail(const Error& error, int retry_after_seconds = 1);
  bool client_has_gone();

 private:
  /// Empty for all but the first caller.
  std::shared_ptr<http::Exchange> settle();
  bool send(http::Response response, std::string_view reason);

  std::shared_ptr<HttpMetrics> metrics_;
  std::shared_ptr<const inference::LoadedModel> model_;
  HttpMetrics::Phases phases_;
  std::atomic<bool> settled_ = false;
  std::shared_ptr<http::Exchange> exchange_;  ///< of whoever settles it
};

}  // namespace gantry::api
