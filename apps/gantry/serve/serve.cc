#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <print>
#include <string>
#include <string_view>

#include "commands.h"
#include "gantry/api/api.h"
#include "gantry/base/cpu.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/parse.h"
#include "gantry/cli/signals.h"
#include "gantry/cli/terminal.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/http/server.h"
#include "gantry/inference/service.h"
#include "gantry/log/log.h"
#include "gantry/metrics/registry.h"
#include "settings/builtin_model.h"
#include "settings/model_options.h"
#include "settings/npu_options.h"

namespace gantry::cli {
namespace {

constexpr std::string_view examples =
    R"(  gantry serve                          # the built-in model
  gantry serve --model mobilenet_v1_1.0_224_quant.tflite
  gantry serve --model detector.tflite --labels coco.txt --listen 0.0.0.0:8080
  gantry serve --model m.tflite --slots 3 --threads 1 --queue 64 --request-timeout 2s
  GANTRY_MODEL=m.tflite GANTRY_LISTEN=[::1]:0 gantry serve
  gantry serve --config gantry.toml     # [serve] model = "m.tflite", max-body = "8M")";

struct ServeOptions {
  ListenAddress listen{.address = "127.0.0.1", .port = 8080};
  ModelOptions model;
  NpuOptions npu;
  std::string model_name;
  std::size_t slots = 0;
  int threads = 1;
  std::size_t queue = inference::ServiceConfig{}.queue_capacity;
  std::size_t decode_threads = 0;
  http::ServerConfig server;
  api::ApiConfig api;
  std::chrono::milliseconds drain_timeout{30'000};
  std::string log_level = "info";
  std::string log_format = "auto";

  void add_to(Options& options) {
    options.add("listen", "ADDR:PORT", "where to listen; port 0 takes a free one [127.0.0.1:8080]",
                [this](std::string_view text) -> Result<> {
                  return parse_listen_address(text).transform(
                      [this](ListenAddress where) { listen = std::move(where); });
                });
    options.group("Model");
    options.path("model", "FILE", model.model,
                 "the model: a .tflite file, or the name of a pulled one [the built-in one]");
    options.text("model-name", "NAME", model_name,
                 "its name in requests and answers [the file's name]");
    model.add_to(options);
    options.group("NPU");
    npu.add_to(options);
    options.group("Work");
    options.integer("slots", slots, 0, 256,
                    "inferences at the same time on the CPU [0: cores / threads]");
    options.integer("threads", threads, 1, 256,
                    "threads of one inference; more than one only where its cores are idle [1]");
    options.integer("queue", queue, 0, 1'000'000,
                    "requests that may wait; more are answered 429 [128]");
    options.integer("decode-threads", decode_threads, 0, 1024,
                    "threads that decode and resize, beyond one a slot [0: as many as cores]");
    options.integer("io-threads", server.io_threads, 1, 256,
                    "threads that read and write connections [2]");
    options.group("Limits");
    options.duration("request-timeout", api.request_timeout,
                     "from a request's first byte to its answer, else 504 [30s]");
    options.size("max-body", server.limits.max_body_bytes, "largest request, else 413 [32M]");
    options.size("max-total-body", server.limits.max_total_body_bytes,
                 "all requests at a time, else 503 [256M]");
    options.integer("max-connections", server.limits.max_connections, 1, 1'000'000,
                    "connections at a time, else 503 [1024]");
    options.duration("header-timeout", server.limits.header_timeout,
                     "to send a request's header, else 408 [10s]");
    options.duration("body-timeout", server.limits.body_timeout,
                     "to send a request's body, else 408 [60s]");
    options.duration("idle-timeout", server.limits.idle_timeout,
                     "silence between requests, then closed [75s]");
    options.duration("drain-timeout", drain_timeout,
                     "time for the last answers after SIGTERM [30s]");
    options.group("Log");
    options.choice("log-level", {"debug", "info", "warning", "error", "off"}, log_level,
                   "least that is logged [info]");
    options.choice("log-format", {"auto", "text", "json"}, log_format,
                   "on stderr; auto is text on a terminal, else json [auto]");
  }
};

/// What main and the signal thread tell each other.
class Shutdown {
 public:
  /// On the signal thread. The first signal asks for a drain, unless nothing is served yet; the
  /// second ends.
  void on_signal(int signal, int before) {
    {
      const std::scoped_lock lock(mutex_);
      if (before == 0 && serving_) {
        signal_ = signal;
        asked_.notify_all();
        return;
      }
    }
    // _exit and not exit: other threads are in the middle of things that destructors would take
    // from them. A trial's child dies with us.
    std::fflush(stdout);
    _exit(before == 0 ? to_int(Exit::good) : to_int(Exit::no_result));
  }
  void is_serving() {
    const std::scoped_lock lock(mutex_);
    serving_ = true;
  }
  /// Waits for the first signal and says which it was.
  int wait() {
    std::unique_lock lock(mutex_);
    asked_.wait(lock, [this] { return signal_ != 0; });
    return signal_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  bool serving_ = false;
  int signal_ = 0;
};

std::string_view signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

/// A path as a word that a shell takes as it is.
std::string shell_word(std::string_view text) {
  if (text.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") ==
      std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

/// A picture that is there and that the model knows, as seen from here; else a name to replace.
std::string example_image(const inference::LoadedModel& model) {
  const auto folder = builtin_folder();
  if (folder.empty() || model.config().path != builtin_model(folder)) {
    return "photo.jpg";
  }
  const auto sample = builtin_sample(folder);
  if (sample.empty()) {
    return "photo.jpg";
  }
  const std::string near = sample.lexically_proximate(std::filesystem::current_path()).string();
  return near.starts_with("..") ? sample.string() : near;
}

/// Of the device where requests go.
std::size_t slot_count(const inference::LoadedModel& model) {
  const auto* const slots =
      model.device() == dispatch::Device::npu ? model.npu_slots() : model.cpu_slots();
  return slots->size();
}

std::string counted(std::size_t count, std::string_view thing) {
  return std::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

/// "on the NPU, 3 slots; 28 of 31 operators there in 1 partition, proven (…)."
std::string where_it_runs(const inference::LoadedModel& model) {
  const auto& report = model.npu_report();
  if (model.device() == dispatch::Device::npu) {
    return std::format("on the NPU, {}; {} of {} there in {}, proven ({}).",
                       counted(model.npu_slots()->size(), "slot"), report.operators_npu,
                       counted(report.operators_npu + report.operators_cpu, "operator"),
                       counted(report.partitions, "partition"), report.proof_words);
  }
  const auto& config = model.config();
  std::string text =
      std::format("on the CPU, {} with {} each.", counted(config.slots, "slot"),
                  counted(static_cast<std::size_t>(config.threads_per_slot), "thread"));
  const auto& cpu = model.cpu_report();
  text += cpu.is_xnnpack ? std::format("\n  Computed by XNNPACK: {} of {}.", cpu.operators_xnnpack,
                                       counted(cpu.operators, "operator"))
                         : std::format("\n  Computed by TensorFlow Lite's own kernels: {}.",
                                       printable(cpu.reason));
  if (config.device == inference::DeviceWanted::automatic) {
    text += std::format("\n  Not on the NPU: {}.", printable(report.reason));
  }
  return text;
}

/// Once per change of state.
void log_device_change(const inference::DeviceChange& change) {
  using State = inference::DevicePolicy::State;
  const log::Field reason{"reason", change.reason};
  switch (change.state) {
    case State::on_npu:
      log::info("back on the NPU", {{"usable_slots", static_cast<std::int64_t>(change.usable)}});
      return;
    case State::moved:
      log::warning("no NPU slot works: requests go to the CPU until one does", {reason});
      return;
    case State::down:
      log::error("no NPU slot works: requests are refused until one does", {reason});
      return;
    case State::on_cpu:
      return;  // where nothing ever changes
  }
}

void log_slot_event(const dispatch::SlotEvent& event) {
  const log::Field slot{"slot", static_cast<std::int64_t>(event.slot)};
  const log::Field usable{"usable_slots", static_cast<std::int64_t>(event.usable)};
  switch (event.kind) {
    case dispatch::SlotEvent::Kind::broken:
      log::warning("an NPU slot broke", {slot, usable, {"reason", event.reason}});
      return;
    case dispatch::SlotEvent::Kind::repaired:
      log::info("an NPU slot works again", {slot, usable});
      return;
    case dispatch::SlotEvent::Kind::repair_failed:
      // Comes again and again while the device is gone; the slot is known to be broken.
      log::debug("an NPU slot could not be repaired",
                 {slot, {"reason", event.reason}, {"retry_in_ms", to_ms(event.retry_in)}});
      return;
  }
}

void print_ready(const std::string& url, const inference::LoadedModel& model, double start_ms) {
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
  const char* const example = std::getenv("GANTRY_EXAMPLE_IMAGE");
  const std::string image = example != nullptr && *example != '\0' ? example : example_image(model);
  std::print("Ready in {:.0f} ms: {} {}\n\n", start_ms,
             styled(terminal, Style::bold, printable(model.name())), where_it_runs(model));
  if (model.transform()) {
    std::print("  try it     curl -F {} {}/infer\n", shell_word("image=@" + printable(image)), url);
  } else {
    std::print("  The model takes no picture: POST /infer answers 422.\n");
  }
  std::print(
      "  see it     {}/\n"
      "  stop it    Ctrl-C, or kill {}\n\n",
      url, getpid());
  std::fflush(stdout);
}

}  // namespace

int serve(std::span<char* const> arguments) {
  const Clock::time_point begun = Clock::now();
  ServeOptions settings;
  Options options(
      "serve",
      "Answer requests over HTTP: a photo goes in, labels or boxes come out.\n\n"
      "It runs until SIGTERM or Ctrl-C: then it takes no new requests, answers those it has and "
      "ends\n"
      "with 0; with 3 if --drain-timeout was too short, or on a second signal, which ends it at\n"
      "once.",
      std::string(examples));
  settings.add_to(options);
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (const auto exit = settings.model.bind("serve")) {
    return to_int(*exit);
  }
  if (const auto exit = settings.model.resolve("serve")) {
    return to_int(*exit);
  }

  const bool to_terminal = Terminal::of(STDERR_FILENO).moving;
  const bool text = settings.log_format == "text" || (settings.log_format == "auto" && to_terminal);
  log::configure(*log::parse_level(settings.log_level),
                 text ? log::Format::text : log::Format::json);

  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): no thread runs yet; a client
                                  // that goes is an error of write()
  Shutdown shutdown;
  const Signals signals([&](int signal, int before) { shutdown.on_signal(signal, before); });

  auto config = settings.model.config();
  if (!settings.model_name.empty()) {
    config.name = settings.model_name;
  }
  config.slots = settings.slots;
  config.threads_per_slot = settings.threads;
  config.device = settings.npu.wanted();
  config.npu_slots = settings.npu.slots;
  config.npu = make_npu_factory(settings.npu);
  config.on_device_change = log_device_change;
  config.on_slot_event = log_slot_event;
  auto model = inference::LoadedModel::load(std::move(config));
  if (!model) {
    print_error("serve", model.error().message, model_next_step(model.error()));
    return to_int(Exit::no_result);
  }

  metrics::Registry metrics;
  inference::Service service(
      {.queue_capacity = settings.queue, .decode_threads = settings.decode_threads}, *model,
      metrics);
  settings.api.program_version = GANTRY_VERSION;
  api::Api api(settings.api, service, metrics);
  settings.server.address = settings.listen.address;
  settings.server.port = settings.listen.port;
  settings.server.server_name = "gantry/" GANTRY_VERSION;
  auto server = http::Server::start(
      settings.server,
      [&api](std::shared_ptr<http::Exchange> exchange) { api.handle(std::move(exchange)); },
      api::Api::error_response,
      [&api](const http::ConnectionEvent& event) {
        api.count_server_answer(event.status);
        const log::Field status{"status", std::int64_t{event.status}};
        const log::Field peer{"peer", event.peer};
        const log::Field reason{"reason", event.message};
        if (event.request_id.empty()) {
          log::info("connection", {status, peer, reason});
        } else {
          log::info("connection", {{"request_id", event.request_id}, status, peer, reason});
        }
      });
  if (!server) {
    print_error("serve", server.error().message,
                "Free the port, or choose another with --listen ADDR:PORT (port 0: any).");
    return to_int(Exit::no_result);
  }

  shutdown.is_serving();
  settings.listen.port = (*server)->port();
  const std::string url = url_of(settings.listen);
  const double start_ms = to_ms(Clock::now() - begun);
  const auto& loaded = (*model)->config();
  log::info(
      "ready",
      {{"url", url},
       {"model", loaded.name},
       {"version", loaded.version},
       {"device", dispatch::device_name((*model)->device())},
       {"device_wanted", inference::device_wanted_name(loaded.device)},
       {"device_reason", (*model)->npu_report().reason},
       {"cpu_backend", inference::cpu_backend_name((*model)->cpu_report())},
       {"cpu_backend_reason", (*model)->cpu_report().reason},
       {"operators_xnnpack", static_cast<std::int64_t>((*model)->cpu_report().operators_xnnpack)},
       {"proof", inference::proof_name((*model)->npu_report().proof)},
       {"operators_npu", static_cast<std::int64_t>((*model)->npu_report().operators_npu)},
       {"operators_cpu", static_cast<std::int64_t>((*model)->npu_report().operators_cpu)},
       {"task", model_file::task_name((*model)->info().task)},
       {"cpus", format_cpu_list(allowed_cpus())},
       {"slots", static_cast<std::int64_t>(slot_count(**model))},
       {"threads_per_slot", std::int64_t{loaded.threads_per_slot}},
       {"start_ms", start_ms}});
  if (settings.log_format != "json") {
    print_ready(url, **model, start_ms);
  }

  const int signal = shutdown.wait();
  log::info("stopping: no new requests, the accepted ones are answered",
            {{"signal", signal_name(signal)},
             {"drain_timeout_ms", std::int64_t{settings.drain_timeout.count()}}});
  const Deadline deadline = Deadline::after(settings.drain_timeout);
  // First the door, so that what is being read still finds a service that takes it.
  (*server)->stop(deadline);
  const bool drained = service.drain(deadline);
  if (!drained) {
    log::warning("stopped with requests unanswered: the drain timeout was over");
    return to_int(Exit::no_result);
  }
  log::info("stopped");
  return to_int(Exit::good);
}

}  // namespace gantry::cli
