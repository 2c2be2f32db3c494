#include "gantry/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "answers.h"
#include "gantry/digest/sha256.h"
#include "gantry/log/log.h"
#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"
#include "http_metrics.h"
#include "route.h"
#include "test_requests.h"

namespace gantry::api {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

/// An exchange without a connection: the test decides when time runs out and when the client goes.
class FakeExchange final : public http::Exchange {
 public:
  explicit FakeExchange(http::Request request) : request_(std::move(request)) {}

  http::Request& request() noexcept override { return request_; }
  void respond(http::Response response, std::function<void(Clock::duration)> written) override {
    {
      const std::scoped_lock lock(mutex_);
      if (response_) {
        return;
      }
      response_ = std::move(response);
      gone_ = late_ = nullptr;
    }
    if (written) {
      written(1ms);
    }
    {
      const std::scoped_lock lock(mutex_);
      written_ = true;
    }
    answered_.notify_all();
  }
  void on_disconnect(std::function<void()> gone) override { keep(gone_, std::move(gone)); }
  void on_deadline(Deadline deadline, std::function<void()> late) override {
    deadline_ = deadline;
    keep(late_, std::move(late));
  }

  /// Waits for the answer.
  const http::Response& response() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return written_; });
    return response_.value();
  }
  bool is_answered() {
    const std::scoped_lock lock(mutex_);
    return response_.has_value();
  }
  void run_out_of_time() { call(late_); }
  void hang_up() { call(gone_); }
  [[nodiscard]] Deadline deadline() const { return deadline_; }

 private:
  void keep(std::function<void()>& place, std::function<void()> callback) {
    const std::scoped_lock lock(mutex_);
    if (!response_) {
      place = std::move(callback);
    }
  }
  void call(std::function<void()>& place) {
    std::function<void()> callback;
    {
      const std::scoped_lock lock(mutex_);
      callback = std::exchange(place, nullptr);
    }
    ASSERT_TRUE(callback);
    callback();
  }

  http::Request request_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<http::Response> response_;
  bool written_ = false;  // and told so
  std::function<void()> gone_;
  std::function<void()> late_;
  Deadline deadline_ = Deadline::never();
};

std::string header(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

/// A PPM picture, green all over.
std::string green() {
  std::string ppm = "P6\n8 8\n255\n";
  for (int i = 0; i < 64; ++i) {
    ppm += std::string("\0\xC8\0", 3);
  }
  return ppm;
}

std::shared_ptr<inference::LoadedModel> load(std::span<const std::byte> model) {
  std::string folder = (std::filesystem::temp_directory_path() / "gantry-api-XXXXXX").string();
  const std::filesystem::path path =
      std::filesystem::path(::mkdtemp(folder.data())) / "colors.tflite";
  EXPECT_TRUE(test::write_model(path, model));
  inference::ModelConfig config;
  config.path = path;
  config.slots = 1;
  config.threads_per_slot = 1;
  auto loaded = inference::LoadedModel::load(config);
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return *loaded;
}

/// An API before a service with one slot, two workers and one place to wait.
class ApiTest : public testing::Test {
 protected:
  static constexpr std::size_t accepted = 3;

  static void SetUpTestSuite() { log::configure(log::Level::off, log::Format::json); }

  explicit ApiTest(std::shared_ptr<inference::LoadedModel> model = load(test::color_classifier()))
      : model_(std::move(model)) {}

  std::shared_ptr<FakeExchange> send(http::Request request) {
    auto exchange = std::make_shared<FakeExchange>(std::move(request));
    api_->handle(exchange);
    return exchange;
  }
  http::Response ask(http::Request request) { return send(std::move(request))->response(); }
  http::Response ask(std::string_view method, std::string_view path,
                     std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::Request request;
    request.method = method;
    request.target = request.path = path;
    request.started = Clock::now();
    request.headers = std::move(headers);
    return ask(std::move(request));
  }
  static http::Request picture() { return infer_request("image/x-portable-pixmap", green()); }

  void hold() { lease_.emplace(model_->cpu_slots()->acquire(Deadline::never()).value()); }
  void let_go() { lease_.reset(); }

  metrics::Registry metrics_;
  std::shared_ptr<inference::LoadedModel> model_;
  std::optional<dispatch::SlotPool::Lease> lease_;
  std::unique_ptr<inference::Service> service_ = std::make_unique<inference::Service>(
      inference::ServiceConfig{.queue_capacity = 1, .decode_threads = 1}, model_, metrics_);
  std::unique_ptr<Api> api_ = std::make_unique<Api>(
      ApiConfig{.request_timeout = 5s, .program_version = "1.2.3"}, *service_, metrics_);
};

void expect_error(const http::Response& response, int status, std::string_view code) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.content_type, "application/json");
  const auto body = json::parse(response.body);
  EXPECT_EQ(body["success"], false);
  EXPECT_EQ(body["code"], code);
  EXPECT_GT(body["error"].get<std::string>().size(), 5U);
  EXPECT_EQ(body.size(), 3U);
}

// ---- POST /infer

TEST_F(ApiTest, APictureIsAnswered) {
  const auto exchange = send(picture());
  const auto& response = exchange->response();
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.content_type, "application/json");
  const auto body = json::parse(response.body);
  EXPECT_EQ(body["success"], true);
  EXPECT_EQ(body["predictions"][0]["label"], "green");
  EXPECT_EQ(body["predictions"][0]["score"], 200.0);
  EXPECT_EQ(body["shape"].dump(), "[1,3]");
  EXPECT_EQ(body["model"], "colors");
  EXPECT_EQ(body["image"].dump(), R"({"height":8,"width":8})");
  EXPECT_EQ(body["inference_time_ms"], body["timings_ms"]["invoke"]);
  EXPECT_EQ(exchange->deadline(), Deadline(exchange->request().started + 5s));
}

TEST_F(ApiTest, OptionsReachTheModel) {
  auto request = picture();
  request.query = {{"top_k", "1"}, {"model", "colors"}, {"version", "1"}};
  const auto response = ask(std::move(request));
  EXPECT_EQ(json::parse(response.body)["predictions"].size(), 1U) << response.body;
}

TEST_F(ApiTest, ErrorsOfARequestHaveTheirStatus) {
  expect_error(ask(infer_request("image/png", "")), 400, "invalid_argument");
  expect_error(ask(infer_request("text/plain", "cat")), 415, "unimplemented");
  expect_error(ask(infer_request("image/png", "no picture at all")), 415, "unimplemented");
  expect_error(ask(infer_request("image/png", green().substr(0, 50))), 400, "invalid_argument");
  expect_error(ask(infer_request("image/png", "P6\n99999 99999\n255\n")), 413, "out_of_range");
  auto elsewhere = picture();
  elsewhere.query = {{"model", "other"}};
  expect_error(ask(std::move(elsewhere)), 404, "not_found");
  auto newer = picture();
  newer.query = {{"version", "2"}};
  expect_error(ask(std::move(newer)), 404, "not_found");
}

TEST_F(ApiTest, AFullQueueIs429WithRetryAfter) {
  hold();
  std::vector<std::shared_ptr<FakeExchange>> waiting;
  waiting.reserve(accepted);
  for (std::size_t i = 0; i < accepted; ++i) {
    waiting.push_back(send(picture()));
  }
  EXPECT_THAT(metrics_.expose(), HasSubstr("gantry_requests_in_progress 3\n"));
  const auto refused = ask(picture());
  expect_error(refused, 429, "resource_exhausted");
  EXPECT_GE(std::stoi(header(refused, "Retry-After")), 1);
  let_go();
  for (const auto& exchange : waiting) {
    EXPECT_EQ(exchange->response().status, 200);
  }
  EXPECT_THAT(metrics_.expose(), HasSubstr("gantry_requests_in_progress 0\n"));
}

TEST_F(ApiTest, ThePhasesOfAModelGoWithIt) {
  metrics::Registry registry;
  HttpMetrics metrics(registry);
  const auto count = HasSubstr("gantry_request_phase_duration_seconds_count{");
  for (int i = 0; i < 3; ++i) {
    auto model = load(test::color_classifier());
    auto phases = metrics.phases(model);
    phases->read.observe(1);
    EXPECT_EQ(metrics.phases(model), phases);
    static_cast<void>(registry.expose());
    EXPECT_THAT(registry.expose(), count);
    model.reset();
    static_cast<void>(registry.expose());
    EXPECT_THAT(registry.expose(), count) << "a request has them still";
    phases.reset();
    EXPECT_THAT(registry.expose(), count) << "for the last time";
    EXPECT_THAT(registry.expose(), Not(count));
  }
}

TEST_F(ApiTest, AModelOfTheSameNameCountsOnByItself) {
  metrics::Registry registry;
  HttpMetrics metrics(registry);
  auto model = load(test::color_classifier());
  const std::weak_ptr phases = metrics.phases(model);
  const auto next = load(test::color_classifier());
  model.reset();
  metrics.phases(next)->read.observe(1);
  EXPECT_TRUE(phases.expired()) << "without a scrape, too";
}

TEST_F(ApiTest, ADrainingServiceIs503WithRetryAfter) {
  ASSERT_TRUE(service_->drain(Deadline::never()));
  const auto refused = ask(picture());
  expect_error(refused, 503, "unavailable");
  EXPECT_EQ(header(refused, "Retry-After"), "1");
}

TEST_F(ApiTest, TheDeadlineIsAnsweredAtOnceAndTheRequestDropped) {
  hold();
  const auto exchange = send(picture());
  exchange->run_out_of_time();
  ASSERT_TRUE(exchange->is_answered());
  expect_error(exchange->response(), 504, "deadline_exceeded");
  let_go();
  ASSERT_TRUE(service_->drain(Deadline::never()));
  EXPECT_THAT(metrics_.expose(), HasSubstr("npu_inference_total 0\n")) << "it was not computed";
}

TEST_F(ApiTest, AClientThatHangsUpIsCountedAndItsRequestDropped) {
  hold();
  const auto exchange = send(picture());
  exchange->hang_up();
  EXPECT_FALSE(exchange->is_answered());
  let_go();
  ASSERT_TRUE(service_->drain(Deadline::never()));
  const auto text = metrics_.expose();
  EXPECT_THAT(text, HasSubstr("npu_inference_total 0\n"));
  EXPECT_THAT(
      text,
      HasSubstr("gantry_http_requests_total{method=\"POST\",route=\"/infer\",status=\"499\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gantry_requests_in_progress 0\n"));
}

TEST_F(ApiTest, RequestsMayOutliveIt) {
  hold();
  std::vector<std::shared_ptr<FakeExchange>> waiting;
  waiting.reserve(accepted);
  for (std::size_t i = 0; i < accepted; ++i) {
    waiting.push_back(send(picture()));
  }
  api_.reset();
  std::jthread opener([this] { let_go(); });
  service_.reset();
  for (const auto& exchange : waiting) {
    const int status = exchange->response().status;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
}

/// The identity model with other shapes: [1,height*width,3] instead of a list of classes, and an
/// input to choose.
std::vector<std::byte> reshaping_model(std::int32_t height, std::int32_t width,
                                       std::vector<std::int32_t> input) {
  const auto object = test::identity_object(height, width);
  auto& graph = *object->subgraphs.front();
  const std::vector<std::int32_t> output{1, height * width, 3};
  graph.tensors[0]->shape = std::move(input);
  graph.tensors[1]->shape = output;
  auto& constant = *graph.tensors[2];
  constant.shape = {3};
  const auto bytes = std::as_bytes(std::span(output));
  auto& data = object->buffers[constant.buffer]->data;
  data.resize(bytes.size());
  std::memcpy(data.data(), bytes.data(), bytes.size());
  graph.operators.front()->builtin_options.AsReshapeOptions()->new_shape = output;
  return test::pack(*object);
}

class ApiOfRawOutputsTest : public ApiTest {
 protected:
  ApiOfRawOutputsTest() : ApiTest(load(reshaping_model(8, 8, {1, 8, 8, 3}))) {}
};
TEST_F(ApiOfRawOutputsTest, TensorsAreAnsweredAsTheyAre) {
  const auto response = ask(picture());
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = json::parse(response.body);
  EXPECT_TRUE(body["predictions"].empty());
  EXPECT_EQ(body["outputs"][0]["shape"].dump(), "[1,64,3]");
  EXPECT_EQ(body["outputs"][0]["data"].size(), 192U);
  EXPECT_EQ(body["outputs"][0]["data"][1], 200.0 / 256);
}

class ApiOfLargeOutputsTest : public ApiTest {
 protected:
  ApiOfLargeOutputsTest() : ApiTest(load(reshaping_model(600, 600, {1, 600, 600, 3}))) {}
};
TEST_F(ApiOfLargeOutputsTest, MoreThanAMillionElementsAre422) {
  const auto response = ask(picture());
  expect_error(response, 422, "failed_precondition");
  EXPECT_THAT(response.body, HasSubstr("1080000 elements"));
}

class ApiOfOtherInputsTest : public ApiTest {
 protected:
  ApiOfOtherInputsTest() : ApiTest(load(reshaping_model(8, 8, {1, 192}))) {}
};
TEST_F(ApiOfOtherInputsTest, AModelThatTakesNoPictureIs422) {
  expect_error(ask(picture()), 422, "failed_precondition");
  EXPECT_EQ(ask("GET", "/health").status, 200);
}

// ---- What the service says of itself

TEST_F(ApiTest, HealthTellsModelsAndState) {
  const auto well = ask("GET", "/health");
  EXPECT_EQ(well.status, 200);
  auto body = json::parse(well.body);
  EXPECT_EQ(body["status"], "healthy");
  EXPECT_EQ(body["model_loaded"], true);
  EXPECT_EQ(body["version"], "1.2.3");
  EXPECT_TRUE(body["uptime_seconds"].is_number());
  auto model = body["models"][0];
  const json npu = model["npu"];
  model.erase("npu");
  const json cpu = model["cpu"];
  model.erase("cpu");
  const auto bytes = test::color_classifier();
  EXPECT_EQ(model["sha256"], digest::sha256_of(std::span<const std::byte>(bytes)));
  EXPECT_EQ(model["file_bytes"], bytes.size());
  model.erase("sha256");
  model.erase("file_bytes");
  EXPECT_TRUE(cpu["backend"] == "xnnpack" || cpu["backend"] == "tflite");
  EXPECT_EQ(cpu["backend_reason"].is_null(), cpu["backend"] == "xnnpack");
  EXPECT_EQ(
      model.dump(),
      R"({"device":"cpu","device_reason":"this program was given no NPU","device_wanted":"auto","name":"colors","ready":true,"slots":1,"task":"classification","threads_per_slot":1,"version":"1"})");
  EXPECT_EQ(npu["slots"], 0);
  EXPECT_EQ(npu["proof"], "none");
  EXPECT_EQ(npu["library"], nullptr);
  EXPECT_EQ(ask("GET", "/health/live").status, 200);
  EXPECT_EQ(json::parse(ask("GET", "/health/ready").body)["ready"], true);

  ASSERT_TRUE(service_->drain(Deadline::never()));
  const auto draining = ask("GET", "/health");
  EXPECT_EQ(draining.status, 503);
  EXPECT_EQ(json::parse(draining.body)["status"], "draining");
  EXPECT_EQ(ask("GET", "/health/live").status, 200);
  EXPECT_EQ(ask("GET", "/health/ready").status, 503);
  EXPECT_EQ(json::parse(ask("GET", "/health/ready").body)["ready"], false);
}

TEST_F(ApiTest, TheRootIsAPageForBrowsersAndJsonForPrograms) {
  const auto description = ask("GET", "/");
  EXPECT_EQ(description.content_type, "application/json");
  const auto body = json::parse(description.body);
  EXPECT_EQ(body["status"], "alive");
  EXPECT_EQ(body["service"], "gantry");
  EXPECT_EQ(body["model"]["name"], "colors");
  EXPECT_EQ(body["endpoints"].size(), routes.size());

  const auto page = ask("GET", "/", {{"accept", "text/html,*/*;q=0.8"}});
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(page.body.find("{{"), std::string::npos) << "everything is filled in";
  EXPECT_THAT(header(page, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  const auto another = ask("GET", "/", {{"accept", "text/html"}});
  EXPECT_NE(header(page, "Content-Security-Policy"), header(another, "Content-Security-Policy"));
}

TEST_F(ApiTest, ThePageLoadsNothingFromElsewhere) {
  const auto page = ask("GET", "/", {{"accept", "text/html"}}).body;
  for (const auto* bad : {"src=\"http", "href=\"http", "url(", "@import", " onclick=", " style="}) {
    EXPECT_EQ(page.find(bad), std::string::npos) << bad;
  }
}

TEST_F(ApiTest, MetricsCountEachAnswerOnce) {
  ask("GET", "/health");
  ask("GET", "/health");
  ask("HEAD", "/");
  ask("GET", "/secret");
  ask("BREW", "/infer");
  ask(picture());
  api_->count({.status = 431, .peer = "", .message = "", .request_id = ""});
  api_->count({.status = 499, .peer = "", .message = "", .request_id = ""});
  for (const auto why : {http::Cut::too_slow, http::Cut::stalled, http::Cut::too_slow}) {
    api_->count({.status = 499, .peer = "", .message = "", .request_id = "", .cut = why});
  }
  const auto response = ask("GET", "/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const auto* line : {R"({method="GET",route="/health",status="200"} 2)",
                           R"({method="HEAD",route="/",status="200"} 1)",
                           R"({method="GET",route="other",status="404"} 1)",
                           R"({method="other",route="/infer",status="405"} 1)",
                           R"({method="POST",route="/infer",status="200"} 1)",
                           R"({method="other",route="other",status="431"} 1)"}) {
    EXPECT_THAT(response.body, HasSubstr(std::string("gantry_http_requests_total") + line + "\n"));
  }
  EXPECT_THAT(response.body, Not(HasSubstr("status=\"499\"")));
  for (const auto* line :
       {R"({reason="too_slow"} 2)", R"({reason="stalled"} 1)", R"({reason="peer_gone"} 0)"}) {
    EXPECT_THAT(response.body,
                HasSubstr(std::string("gantry_http_answers_cut_total") + line + "\n"));
  }
  EXPECT_THAT(response.body,
              HasSubstr("gantry_http_request_duration_seconds_count{route=\"/health\"} 2\n"));
  for (const auto* phase : {"read", "write", "decode"}) {
    EXPECT_THAT(
        response.body,
        HasSubstr(
            "gantry_request_phase_duration_seconds_count{device=\"cpu\",model=\"colors\",phase=\"" +
            std::string(phase) + "\",version=\"1\"} 1\n"));
  }
}

// ---- Routes and methods

TEST_F(ApiTest, UnknownRoutesAre404AndListTheKnown) {
  for (const auto* path :
       {"/nothing", "/infer/", "/infer/x", "/Health", "//", "", "*", "/health/live/"}) {
    const auto response = ask("GET", path);
    expect_error(response, 404, "not_found");
    EXPECT_THAT(response.body, HasSubstr("POST /infer"));
  }
}

TEST_F(ApiTest, OtherMethodsAre405WithAllow) {
  for (const RouteInfo& route : routes) {
    for (const auto* method :
         {"PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW", "get", "GET,", ""}) {
      const auto response = ask(method, route.path);
      expect_error(response, 405, "method_not_allowed");
      EXPECT_EQ(header(response, "Allow"), route.allow);
    }
    const auto options = ask("OPTIONS", route.path);
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.body, "");
    EXPECT_EQ(header(options, "Allow"), route.allow);
  }
  expect_error(ask("GET", "/infer"), 405, "method_not_allowed");
  expect_error(ask("POST", "/health"), 405, "method_not_allowed");
  EXPECT_EQ(ask("OPTIONS", "*").status, 204);
}

TEST_F(ApiTest, HeadIsAnsweredAsGet) {
  for (const auto* path :
       {"/", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"}) {
    const auto head = ask("HEAD", path);
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(head.content_type, ask("GET", path).content_type);
  }
}

TEST(Api, ErrorsOfTheServerHaveTheSameShape) {
  expect_error(Api::error_response(413, "payload_too_large", "want at most 1 byte"), 413,
               "payload_too_large");
}

// ---- The OpenAPI document

/// Follows a `$ref` of the document.
const json& resolved(const json& document, const json& node) {
  const auto ref = node.find("$ref");
  return ref == node.end() ? node
                           : document.at(json::json_pointer(ref->get<std::string>().substr(1)));
}

void check_references(const json& document, const json& node) {
  if (node.is_object() && node.contains("$ref")) {
    EXPECT_NO_THROW((void)resolved(document, node)) << node.dump();
  }
  for (const auto& child : node) {
    if (child.is_structured()) {
      check_references(document, child);
    }
  }
}

TEST_F(ApiTest, TheOpenApiDocumentHasEveryRouteAndStatus) {
  const auto document = json::parse(ask("GET", "/openapi.json").body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "1.2.3");
  check_references(document, document);

  std::set<std::string> paths;
  for (const RouteInfo& route : routes) {
    paths.emplace(route.path);
    const auto* method = route.route == Route::infer ? "post" : "get";
    ASSERT_TRUE(document["paths"][std::string(route.path)].contains(method)) << route.path;
    const auto& responses = document["paths"][std::string(route.path)][method]["responses"];
    EXPECT_TRUE(responses.contains("200"));
    EXPECT_TRUE(responses.contains("default")) << "405 and what the server answers by itself";
  }
  EXPECT_EQ(document["paths"].size(), paths.size());

  const auto& infer = document["paths"]["/infer"]["post"]["responses"];
  const auto& codes = document["components"]["schemas"]["Error"]["properties"]["code"]["enum"];
  for (int number = 0; number < 17; ++number) {
    const auto code = static_cast<Code>(number);
    if (code == Code::cancelled || code_name(code) == code_name(static_cast<Code>(0))) {
      continue;  // never on the wire; no code of ours
    }
    const std::string status = std::to_string(http_status(code));
    ASSERT_TRUE(infer.contains(status)) << status;
    EXPECT_THAT(resolved(document, infer[status])["description"].get<std::string>(),
                HasSubstr(code_name(code)));
    EXPECT_TRUE(std::ranges::any_of(codes, [&](const json& known) {
      return known.get<std::string>() == code_name(code);
    })) << code_name(code);
  }
  for (const auto* path : {"/health", "/health/ready"}) {
    EXPECT_TRUE(document["paths"][path]["get"]["responses"].contains("503"));
  }
}

/// Every member that an answer has is in its schema, and every required one is in the answer.
void expect_described(const json& document, std::string_view schema, const json& answer) {
  const auto& description = document["components"]["schemas"][std::string(schema)];
  for (const auto& [name, value] : answer.items()) {
    EXPECT_TRUE(description["properties"].contains(name)) << schema << ": " << name;
  }
  for (const auto& name : description["required"]) {
    EXPECT_TRUE(answer.contains(name)) << schema << ": " << name;
  }
}

TEST_F(ApiTest, TheOpenApiDocumentDescribesTheAnswers) {
  const auto document = json::parse(ask("GET", "/openapi.json").body);
  const auto get = [&](const char* path) { return json::parse(ask("GET", path).body); };
  const auto answer = json::parse(ask(picture()).body);
  expect_described(document, "InferAnswer", answer);
  expect_described(document, "Prediction", answer["predictions"][0]);
  expect_described(document, "Health", get("/health"));
  expect_described(document, "ModelStatus", get("/health")["models"][0]);
  expect_described(document, "NpuStatus", get("/health")["models"][0]["npu"]);
  expect_described(document, "Live", get("/health/live"));
  expect_described(document, "Ready", get("/health/ready"));
  expect_described(document, "Description", get("/"));
  expect_described(document, "Error", get("/nothing"));
}

}  // namespace
}  // namespace gantry::api
