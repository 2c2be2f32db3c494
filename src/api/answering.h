#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/http/message.h"
#include "gantry/inference/loaded_model.h"
#include "http_metrics.h"

namespace gantry::api {

/// Sends an answer, counts it and logs it. `model` and `reason` (of an error) are for the log.
void answer(HttpMetrics& metrics, http::Exchange& exchange, Route route, http::Response response,
            std::string_view model = {}, std::string_view reason = {},
            std::function<void(Clock::duration)> written = {});

/// One picture between its request and its answer. The worker, the deadline and the client's
/// hang-up race: the first one settles the answer, the others do nothing. All three share the
/// object. It may outlive Api, so it owns all that it needs.
/// Threads: thread-safe.
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
  std::shared_ptr<HttpMetrics::Phases> phases_;
  std::atomic<bool> settled_ = false;
  std::shared_ptr<http::Exchange> exchange_;  ///< taken by the one that settles it
};

}  // namespace gantry::api
