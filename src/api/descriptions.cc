#include "descriptions.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "answers.h"
#include "assets.h"
#include "gantry/base/format.h"
#include "route.h"

namespace gantry::api {
namespace {

using nlohmann::ordered_json;

std::string dumped(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

http::Response fresh(http::Response response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

/// Empty texts and what nobody found out become null.
ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json npu_json(const inference::ModelStatus& model) {
  const auto& report = model.npu_report;
  ordered_json failures = ordered_json::object();
  for (const auto& [code, count] : model.npu.failures) {
    failures[std::string(code_name(code))] = count;
  }
  return {{"slots", model.npu.slots},
          {"usable", model.npu.usable},
          {"operators_npu", report.operators_npu},
          {"operators_cpu", report.operators_cpu},
          {"partitions", report.partitions},
          {"proof", backend::proof_name(report.proof)},
          {"proof_result", text_or_null(report.proof_words)},
          {"mesa", text_or_null(report.mesa)},
          {"library", text_or_null(report.library)},
          {"restarts", model.npu.restarts},
          {"retries", model.npu.retries},
          {"fallbacks", model.npu.moves_away},
          {"failures", std::move(failures)},
          {"last_failure", text_or_null(model.npu.last_failure)}};
}

ordered_json cpu_json(const inference::ModelStatus& model) {
  const auto& report = model.cpu_report;
  return {{"backend", backend::cpu_backend_name(report)},
          {"backend_reason", text_or_null(report.reason)},
          {"operators_xnnpack", report.operators_xnnpack},
          {"partitions", report.partitions},
          {"proof_result", text_or_null(report.proof_words)}};
}

/// Why requests do not go to the NPU now; empty if they do.
std::string reason_of(const inference::ModelStatus& model) {
  using enum backend::DevicePolicy::State;
  switch (model.state) {
    case on_npu:
      return {};
    case on_cpu:
      return model.npu_report.reason;
    case moved:
    case down:
      return "no NPU slot is usable at the moment: " + model.npu.last_failure;
  }
  return {};
}

ordered_json model_json(const inference::ModelStatus& model) {
  return {{"name", model.name},
          {"version", model.version},
          {"task", model.task},
          {"sha256", model.sha256},
          {"file_bytes", model.file_bytes},
          {"device", dispatch::device_name(model.device)},
          {"device_wanted", backend::device_wanted_name(model.wanted)},
          {"device_reason", text_or_null(reason_of(model))},
          {"slots", model.slots},
          {"threads_per_slot", model.threads_per_slot},
          {"ready", model.ready},
          {"cpu", cpu_json(model)},
          {"npu", npu_json(model)}};
}

/// `text` with every `name` replaced.
std::string filled_in(std::string_view text, std::string_view name, std::string_view value) {
  std::string out;
  out.reserve(text.size() + 256);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(name, at), text.size());
    out += text.substr(at, found - at);
    if (found < text.size()) {
      out += value;
    }
    at = found + name.size();
  }
  return out;
}

std::string make_nonce() {
  std::random_device random;
  return format_text("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

http::Response health_answer(const std::vector<inference::ModelStatus>& models, bool is_ready,
                             std::string_view version, Clock::duration uptime) {
  const bool is_loaded = !models.empty();
  const bool is_healthy = is_loaded && is_ready;
  // A service with a model that takes nothing new is on its way out, or waits for its only device.
  const bool is_down = is_loaded && models.front().state == backend::DevicePolicy::State::down;
  const std::string_view unwell = is_loaded && !is_down ? "draining" : "unhealthy";
  ordered_json document{{"status", is_healthy ? "healthy" : unwell},
                        {"model_loaded", is_loaded},
                        {"models", ordered_json::array()},
                        {"version", version},
                        {"uptime_seconds", std::round(to_seconds(uptime) * 1000) / 1000}};
  for (const auto& model : models) {
    document["models"].push_back(model_json(model));
  }
  return fresh(json_answer(is_healthy ? 200 : 503, dumped(document)));
}

http::Response live_answer() {
  return fresh(json_answer(200, R"({"status":"alive","live":true})"));
}

http::Response ready_answer(bool is_ready) {
  return fresh(is_ready ? json_answer(200, R"({"status":"ready","ready":true})")
                        : json_answer(503, R"({"status":"not ready","ready":false})"));
}

http::Response description_answer(const std::vector<inference::ModelStatus>& models,
                                  std::string_view version) {
  // "alive" is what KServe's clients look for here.
  ordered_json document{{"service", "gantry"},
                        {"status", "alive"},
                        {"version", version},
                        {"model", nullptr},
                        {"endpoints", ordered_json::array()},
                        {"example", "curl -F image=@photo.jpg http://HOST:PORT/infer"}};
  if (!models.empty()) {
    document["model"] = model_json(models.front());
  }
  for (const RouteInfo& route : routes) {
    const std::string_view method = route.allow.substr(0, route.allow.find(','));
    document["endpoints"].push_back(
        {{"method", method}, {"path", route.path}, {"description", route.does}});
  }
  auto response = json_answer(200, dumped(document));
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

http::Response page_answer() {
  const std::string nonce = make_nonce();
  return {.status = 200,
          .content_type = "text/html; charset=utf-8",
          .body = filled_in(index_html, "{{nonce}}", nonce),
          .headers = {
              {"Vary", "Accept"},
              {"Cache-Control", "no-store"},
              {"X-Content-Type-Options", "nosniff"},
              {"Referrer-Policy", "no-referrer"},
              {"Content-Security-Policy",
               format_text("default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; "
                           "img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; "
                           "base-uri 'none'; frame-ancestors 'none'",
                           nonce)}}};
}

http::Response openapi_answer(std::string_view version) {
  return {.status = 200,
          .content_type = "application/json",
          .body = filled_in(openapi_json, "{{version}}", version),
          .headers = {}};
}

}  // namespace gantry::api
