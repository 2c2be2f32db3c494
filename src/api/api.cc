#include "gantry/api/api.h"

#include <utility>

#include "accept.h"
#include "answering.h"
#include "answers.h"
#include "descriptions.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "infer_input.h"
#include "route.h"

namespace gantry::api {
namespace {

http::Response no_such_route(std::string_view path) {
  std::string known;
  for (const RouteInfo& info : routes) {
    known += format_text("{}{} {}", known.empty() ? "" : ", ",
                         info.allow.substr(0, info.allow.find(',')), info.path);
  }
  return error_answer(404, "not_found",
                      format_text("no route {}; there are {}", in_quotes(path), known));
}

http::Response allowed_methods(std::string_view allow) {
  return {
      .status = 204, .content_type = "", .body = "", .headers = {{"Allow", std::string(allow)}}};
}

bool allows(const RouteInfo& info, std::string_view method) {
  std::string_view rest = info.allow;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(", "), rest.size());
    if (rest.substr(0, comma) == method) {
      return true;
    }
    rest.remove_prefix(std::min(comma + 2, rest.size()));
  }
  return false;
}

}  // namespace

struct Api::Impl {
  Impl(ApiConfig given, inference::Service& inference_service, metrics::Registry& metrics)
      : config(std::move(given)),
        service(inference_service),
        registry(metrics),
        http_metrics(std::make_shared<HttpMetrics>(metrics)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() = default;

  /// Every answer but those of POST /infer.
  [[nodiscard]] http::Response describe(Route route, const http::Request& request) const;
  void infer(const std::shared_ptr<http::Exchange>& exchange);

  ApiConfig config;
  inference::Service& service;
  metrics::Registry& registry;
  std::shared_ptr<HttpMetrics> http_metrics;  // shared with requests, which may outlive us
  Clock::time_point started = Clock::now();
};

Api::Api(ApiConfig config, inference::Service& service, metrics::Registry& metrics)
    : impl_(std::make_unique<Impl>(std::move(config), service, metrics)) {}
Api::~Api() = default;

http::Response Api::error_response(int status, std::string_view code, std::string_view message) {
  return error_answer(status, code, message);
}

void Api::count(const http::ConnectionEvent& event) {
  constexpr int client_gone = 499;
  if (event.cut != http::Cut::none) {
    impl_->http_metrics->cut(event.cut);
  } else if (event.status != client_gone) {
    impl_->http_metrics->refused(event.status);
  }
}

void Api::handle(std::shared_ptr<http::Exchange> exchange) {
  const http::Request& request = exchange->request();
  const Route route = route_of(request.path);
  const auto reply = [&](http::Response response, std::string_view reason = {}) {
    answer(*impl_->http_metrics, *exchange, route, std::move(response), {}, reason);
  };
  if (route == Route::other) {
    if (request.method == "OPTIONS" && request.path == "*") {
      reply(allowed_methods("GET, HEAD, POST, OPTIONS"));
    } else {
      reply(no_such_route(request.path), "no such route");
    }
    return;
  }
  const RouteInfo& info = routes[static_cast<std::size_t>(route)];
  if (!allows(info, request.method)) {
    auto response = error_answer(405, "method_not_allowed",
                                 format_text("{} on {}: want one of {}",
                                             in_quotes(request.method, 20), info.path, info.allow));
    response.headers.emplace_back("Allow", info.allow);
    reply(std::move(response), "method not allowed");
  } else if (request.method == "OPTIONS") {
    reply(allowed_methods(info.allow));
  } else if (route == Route::infer) {
    impl_->infer(exchange);
  } else {
    reply(impl_->describe(route, request));
  }
}

http::Response Api::Impl::describe(Route route, const http::Request& request) const {
  switch (route) {
    case Route::root:
      return prefers_html(request.header("Accept").value_or(""))
                 ? page_answer()
                 : description_answer(service.status(), config.program_version);
    case Route::health:
      return health_answer(service.status(), service.is_ready(), config.program_version,
                           Clock::now() - started);
    case Route::live:
      return live_answer();
    case Route::ready:
      return ready_answer(service.is_ready());
    case Route::metrics:
      return {.status = 200,
              .content_type = "text/plain; version=0.0.4; charset=utf-8",
              .body = registry.expose(),
              .headers = {}};
    case Route::openapi:
      return openapi_answer(config.program_version);
    case Route::infer:
    case Route::other:
      break;
  }
  return error_answer(500, code_name(Code::internal), "a route without a handler");
}

void Api::Impl::infer(const std::shared_ptr<http::Exchange>& exchange) {
  http::Request& request = exchange->request();
  const auto refuse = [&](const Error& error, std::string_view model = {}) {
    answer(*http_metrics, *exchange, Route::infer, error_answer(error), model, error.message);
  };
  auto input = read_infer_input(request);
  if (!input) {
    refuse(input.error());
    return;
  }
  auto model = service.find(input->model, input->version);
  if (!model) {
    refuse(model.error());
    return;
  }

  const Deadline deadline(request.started + config.request_timeout);
  const auto pending = std::make_shared<PendingAnswer>(exchange, http_metrics, *model);
  auto ticket = service.submit(
      *std::move(model),
      {.image = std::move(input->image),
       .options = input->options,
       .deadline = deadline,
       .cancelled = {}},
      [pending](const Result<inference::Response>& result) { pending->complete(result); });
  if (!ticket) {
    pending->fail(ticket.error(), service.retry_after_seconds());
    return;
  }
  if (!ticket->is_pending()) {
    return;
  }
  exchange->on_deadline(deadline, [pending, ticket = *ticket,
                                   timeout = config.request_timeout]() mutable {
    if (pending->fail({Code::deadline_exceeded,
                       format_text("not answered within the request's {} ms", timeout.count())})) {
      ticket.cancel();
    }
  });
  exchange->on_disconnect([pending, ticket = *std::move(ticket)]() mutable {
    if (pending->client_has_gone()) {
      ticket.cancel();
    }
  });
}

}  // namespace gantry::api
