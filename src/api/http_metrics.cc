#include "http_metrics.h"

#include <algorithm>

#include "gantry/inference/metric_names.h"

namespace gantry::api {
namespace {

// Names are taken from fixed sets, so that no client makes series without end.
constexpr std::array<std::string_view, 8> methods{"GET",    "HEAD",  "POST",    "PUT",
                                                  "DELETE", "PATCH", "OPTIONS", "other"};
constexpr std::array<int, 20> statuses{200, 204, 400, 404, 405, 408, 413, 414, 415, 417,
                                       422, 429, 431, 499, 500, 501, 503, 504, 505, 0};

std::size_t method_index(std::string_view method) {
  const auto* const found = std::ranges::find(methods, method);
  return static_cast<std::size_t>(std::min(found, methods.end() - 1) - methods.begin());
}

std::size_t status_index(int status) {
  const auto* const found = std::ranges::find(statuses, status);
  return static_cast<std::size_t>(std::min(found, statuses.end() - 1) - statuses.begin());
}

std::string_view cut_name(http::Cut why) {
  switch (why) {
    case http::Cut::none:
      break;
    case http::Cut::peer_gone:
      return "peer_gone";
    case http::Cut::stalled:
      return "stalled";
    case http::Cut::too_slow:
      return "too_slow";
  }
  return "";
}

}  // namespace

HttpMetrics::HttpMetrics(metrics::Registry& registry)
    : registry_(registry),
      in_progress_(registry.gauge("gantry_requests_in_progress",
                                  "Requests for an inference that wait or are being worked on.")),
      update_(registry.on_expose([this] {
        const std::scoped_lock lock(mutex_);
        forget_models_that_are_gone();
      })) {
  static_assert(methods.size() == method_count && statuses.size() == status_count);
  for (const http::Cut why : {http::Cut::peer_gone, http::Cut::stalled, http::Cut::too_slow}) {
    cut_.at(static_cast<std::size_t>(why) - 1) =
        &registry_.counter("gantry_http_answers_cut_total",
                           "HTTP answers of which the client did not take all, by reason.",
                           {{"reason", std::string(cut_name(why))}});
  }
  for (std::size_t i = 0; i < route_count; ++i) {
    durations_[i] =
        &registry_.histogram("gantry_http_request_duration_seconds",
                             "Time from a request's first byte to its answer, by route.",
                             {{"route", std::string(route_name(static_cast<Route>(i)))}});
  }
}

metrics::Counter& HttpMetrics::requests(Route route, std::size_t method, int status) {
  const std::size_t status_at = status_index(status);
  auto& known = requests_[(static_cast<std::size_t>(route) * method_count + method) * status_count +
                          status_at];
  metrics::Counter* counter = known.load(std::memory_order_acquire);
  if (counter == nullptr) {
    const int named = statuses[status_at];
    counter = &registry_.counter("gantry_http_requests_total",
                                 "HTTP requests answered, by route, method and status.",
                                 {{"route", std::string(route_name(route))},
                                  {"method", std::string(methods[method])},
                                  {"status", named == 0 ? "other" : std::to_string(named)}});
    known.store(counter, std::memory_order_release);
  }
  return *counter;
}

void HttpMetrics::answered(Route route, std::string_view method, int status, Clock::duration time) {
  requests(route, method_index(method), status).add();
  durations_[static_cast<std::size_t>(route)]->observe(to_seconds(time));
}

void HttpMetrics::cut(http::Cut why) {
  if (why != http::Cut::none) {
    cut_.at(static_cast<std::size_t>(why) - 1)->add();
  }
}

void HttpMetrics::refused(int status) { requests(Route::other, methods.size() - 1, status).add(); }

HttpMetrics::Phases::Phases(metrics::Registry& registry, const inference::LoadedModel& model,
                            dispatch::Device device)
    : scope(registry),
      read(inference::phase_histogram(scope, model.name(), model.version(),
                                      dispatch::device_name(device), "read")),
      write(inference::phase_histogram(scope, model.name(), model.version(),
                                       dispatch::device_name(device), "write")) {}

std::shared_ptr<HttpMetrics::Phases> HttpMetrics::phases(
    const std::shared_ptr<const inference::LoadedModel>& model) {
  const dispatch::Device device = model->device();
  const std::scoped_lock lock(mutex_);
  for (const ModelPhases& known : phases_) {
    // By owner: an address may come again.
    if (known.device == device && !known.model.owner_before(model) &&
        !model.owner_before(known.model)) {
      return known.phases;
    }
  }
  forget_models_that_are_gone();
  return phases_.emplace_back(model, device, std::make_shared<Phases>(registry_, *model, device))
      .phases;
}

void HttpMetrics::forget_models_that_are_gone() {
  std::erase_if(phases_, [](const ModelPhases& known) { return known.model.expired(); });
}

}  // namespace gantry::api
