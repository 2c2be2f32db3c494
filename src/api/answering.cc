#include "answering.h"

#include <exception>
#include <utility>

#include "answers.h"
#include "gantry/api/response_json.h"
#include "gantry/base/format.h"
#include "gantry/log/log.h"

namespace gantry::api {
namespace {

constexpr std::size_t max_logged_path = 200;
constexpr std::size_t max_logged_method = 20;
/// Elements of raw outputs in one answer; as JSON each takes some ten bytes.
constexpr std::size_t max_raw_elements = 1'000'000;

log::Level level_of(Route route, int status) {
  if (status >= 500 && status != 503 && status != 504) {
    return log::Level::error;
  }
  // Probes and scrapes come every few seconds: their success is no news.
  const bool is_probe = route == Route::health || route == Route::live || route == Route::ready ||
                        route == Route::metrics;
  return is_probe && status == 200 ? log::Level::debug : log::Level::info;
}

Result<> check_size(const inference::Response& response) {
  std::size_t elements = 0;
  for (const auto& output : response.raw_outputs) {
    elements += output.bytes.size() / std::max<std::size_t>(1, dtype_size(output.spec.dtype));
  }
  if (elements > max_raw_elements) {
    return gantry::fail(
        Code::failed_precondition,
        format_text(
            "the model's outputs have {} elements, more than the {} that this route answers",
            elements, max_raw_elements));
  }
  return {};
}

/// What a log line says beside the request itself.
struct Outcome {
  int status = 200;
  std::size_t bytes = 0;  ///< of the answer's body
  Clock::duration time{};
  std::string_view model;   ///< empty where none is meant
  std::string_view reason;  ///< of an error
};

void count(HttpMetrics& metrics, const http::Request& request, Route route, int status,
           Clock::duration time) noexcept {
  try {
    metrics.answered(route, request.method, status, time);
  } catch (const std::exception& error) {  // no memory for a new series: the answer matters more
    log::error("metrics", {{"error", error.what()}});
  }
}

void log_request(const http::Request& request, Route route, const Outcome& outcome) noexcept {
  const log::Level level = level_of(route, outcome.status);
  if (!log::enabled(level)) {
    return;
  }
  const log::Field request_id{"request_id", request.id};
  const log::Field method{"method", std::string_view(request.method).substr(0, max_logged_method)};
  const log::Field path{"path", std::string_view(request.path).substr(0, max_logged_path)};
  const log::Field status{"status", std::int64_t{outcome.status}};
  const log::Field duration{"duration_ms", to_ms(outcome.time)};
  const log::Field bytes{"bytes", static_cast<std::int64_t>(outcome.bytes)};
  const log::Field model{"model", outcome.model};
  const log::Field peer{"peer", request.peer};
  if (outcome.reason.empty()) {
    log::write(level, "request", {request_id, method, path, status, duration, bytes, model, peer});
  } else {
    const log::Field error{"error", outcome.reason};
    log::write(level, "request",
               {request_id, method, path, status, duration, bytes, model, peer, error});
  }
}

}  // namespace

void answer(HttpMetrics& metrics, http::Exchange& exchange, Route route, http::Response response,
            std::string_view model, std::string_view reason,
            std::function<void(Clock::duration)> written) {
  const http::Request& request = exchange.request();
  const Outcome outcome{.status = response.status,
                        .bytes = response.body.size(),
                        .time = Clock::now() - request.started,
                        .model = model,
                        .reason = reason};
  // First the books, so that whoever has the answer finds itself in the metrics; the log can wait.
  count(metrics, request, route, outcome.status, outcome.time);
  exchange.respond(std::move(response), std::move(written));
  log_request(request, route, outcome);
}

PendingAnswer::PendingAnswer(std::shared_ptr<http::Exchange> exchange,
                             std::shared_ptr<HttpMetrics> metrics,
                             std::shared_ptr<const inference::LoadedModel> model)
    : metrics_(std::move(metrics)),
      model_(std::move(model)),
      phases_(metrics_->phases(model_)),
      exchange_(std::move(exchange)) {
  metrics_->in_progress().add(1);
  phases_->read.observe(to_seconds(exchange_->request().read_time));
}

PendingAnswer::~PendingAnswer() {
  if (!settled_) {
    metrics_->in_progress().add(-1);
  }
}

std::shared_ptr<http::Exchange> PendingAnswer::settle() {
  if (settled_.exchange(true)) {
    return nullptr;
  }
  metrics_->in_progress().add(-1);
  return std::exchange(exchange_, nullptr);
}

bool PendingAnswer::send(http::Response response, std::string_view reason) {
  const auto exchange = settle();
  if (!exchange) {
    return false;
  }
  answer(*metrics_, *exchange, Route::infer, std::move(response), model_->name(), reason,
         [phases = phases_](Clock::duration time) { phases->write.observe(to_seconds(time)); });
  return true;
}

void PendingAnswer::complete(const Result<inference::Response>& result) noexcept {
  if (settled_) {
    return;  // nobody waits: spare the work
  }
  try {
    if (!result) {
      fail(result.error());
    } else if (const auto fits = check_size(*result); !fits) {
      fail(fits.error());
    } else {
      send(json_answer(200, response_json(*result)), {});
    }
  } catch (const std::exception& error) {  // a worker's catch-all
    log::error("an answer could not be made", {{"error", error.what()}});
  }
}

bool PendingAnswer::fail(const Error& error, int retry_after_seconds) {
  return send(error_answer(error, retry_after_seconds), error.message);
}

bool PendingAnswer::client_has_gone() {
  const auto exchange = settle();
  if (!exchange) {
    return false;
  }
  const http::Request& request = exchange->request();
  const Outcome outcome{.status = http_status(Code::cancelled),
                        .bytes = 0,
                        .time = Clock::now() - request.started,
                        .model = model_->name(),
                        .reason = "the client hung up"};
  count(*metrics_, request, Route::infer, outcome.status, outcome.time);
  log_request(request, Route::infer, outcome);
  return true;
}

}  // namespace gantry::api
