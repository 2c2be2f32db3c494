#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "commands.h"
#include "gantry/api/api.h"
#include "gantry/backend/npu_factory.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/cli/options.h"
#include "gantry/cli/signals.h"
#include "gantry/cli/terminal.h"
#include "gantry/http/server.h"
#include "gantry/inference/service.h"
#include "gantry/log/log.h"
#include "gantry/metrics/registry.h"
#include "serve/log_events.h"
#include "serve/ready_text.h"
#include "serve/serve_options.h"
#include "serve/shutdown.h"

namespace gantry::cli {
namespace {

constexpr std::string_view serve_examples =
    R"(  gantry serve                          # the built-in model
  gantry serve --model mobilenet_v1_1.0_224_quant.tflite
  gantry serve --model detector.tflite --labels coco.txt --listen 0.0.0.0:8080
  gantry serve --model m.tflite --slots 3 --threads 1 --queue 64 --request-timeout 2s
  GANTRY_MODEL=m.tflite GANTRY_LISTEN=[::1]:0 gantry serve
  gantry serve --config gantry.toml     # [serve] model = "m.tflite", max-body = "8M")";

Result<std::shared_ptr<inference::LoadedModel>> load(const ServeOptions& settings) {
  auto config = settings.model.config();
  if (!settings.model_name.empty()) {
    config.name = settings.model_name;
  }
  config.slots = settings.slots;
  config.threads_per_slot = settings.threads;
  config.device = settings.npu.wanted();
  config.npu_slots = settings.npu.slots;
  config.npu = backend::make_npu_factory(settings.npu.settings);
  config.on_device_change = log_device_change;
  config.on_slot_event = log_slot_event;
  return inference::LoadedModel::load(std::move(config));
}

Result<std::unique_ptr<http::Server>> listen(const ServeOptions& settings, api::Api& api) {
  http::ServerConfig config = settings.server;
  config.address = settings.listen.address;
  config.port = settings.listen.port;
  config.server_name = "gantry/" GANTRY_VERSION;
  return http::Server::start(
      config, [&api](std::shared_ptr<http::Exchange> exchange) { api.handle(std::move(exchange)); },
      api::Api::error_response,
      [&api](const http::ConnectionEvent& event) {
        api.count(event);
        log_connection(event);
      });
}

void tell_ready(ServeOptions& settings, const http::Server& server,
                const inference::LoadedModel& model, Clock::duration start) {
  settings.listen.port = server.port();
  const std::string url = url_of(settings.listen);
  log_ready(url, model, to_ms(start));
  if (settings.log_format != "json") {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment
    const char* const example = std::getenv("GANTRY_EXAMPLE_IMAGE");
    print_text("{}", ready_text(url, model, to_ms(start), Terminal::of(STDOUT_FILENO),
                                example == nullptr ? "" : example));
    if (std::fflush(stdout) != 0) {
      const int error = errno;
      if (error == EPIPE || error == EBADF) {
        std::clearerr(stdout);  // nobody is there who wanted to read it
      } else {
        // It serves all the same; main ends with this error.
        log::warning("standard output can't be written", {{"reason", errno_text(error)}});
      }
    }
  }
}

/// First the door, so that what is being read still finds a service that takes it.
Exit drain(int signal, std::chrono::milliseconds limit, http::Server& server,
           inference::Service& service) {
  log::info("stopping: no new requests, the accepted ones are answered",
            {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"},
             {"drain_timeout_ms", std::int64_t{limit.count()}}});
  const Deadline deadline = Deadline::after(limit);
  const bool all_sent = server.stop(deadline);
  if (const bool all_done = service.drain(deadline); !all_sent || !all_done) {
    log::warning("stopped with requests unanswered: the drain timeout was over");
    return Exit::no_result;
  }
  log::info("stopped");
  return Exit::good;
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
      std::string(serve_examples));
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

  settings.configure_log();

  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): no thread runs yet; a client
                                  // that goes is an error of write()
  Shutdown shutdown;
  const auto signals =
      Signals::start([&](int signal, int before) { shutdown.on_signal(signal, before); });
  if (!signals) {
    print_error("serve", signals.error().message);
    return to_int(Exit::no_result);
  }

  auto model = load(settings);
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
  auto server = listen(settings, api);
  if (!server) {
    print_error("serve", server.error().message,
                "Free the port, or choose another with --listen ADDR:PORT (port 0: any).");
    return to_int(Exit::no_result);
  }
  shutdown.is_serving();
  tell_ready(settings, **server, **model, Clock::now() - begun);
  return to_int(drain(shutdown.wait(), settings.drain_timeout, **server, service));
}

}  // namespace gantry::cli
