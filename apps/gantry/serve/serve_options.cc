#include "serve/serve_options.h"

#include <unistd.h>

#include <string_view>
#include <utility>

#include "gantry/cli/terminal.h"
#include "gantry/log/log.h"

namespace gantry::cli {

void ServeOptions::add_to(Options& options) {
  options.add("listen", "ADDR:PORT", "where to listen; port 0 takes a free one [127.0.0.1:8080]",
              [this](std::string_view text) -> Result<> {
                return parse_listen_address(text).transform(
                    [this](ListenAddress where) { listen = std::move(where); });
              });
  options.group("Model");
  model.add_model_to(options,
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
  options.duration("answer-timeout", server.limits.answer_timeout,
                   "for a client to take an answer, else closed [60s]");
  options.duration("idle-timeout", server.limits.idle_timeout,
                   "silence between requests, then closed [75s]");
  options.duration("drain-timeout", drain_timeout, "time for the last answers after SIGTERM [30s]");
  options.group("Log");
  options.choice("log-level", {"debug", "info", "warning", "error", "off"}, log_level,
                 "least that is logged [info]");
  options.choice("log-format", {"auto", "text", "json"}, log_format,
                 "on stderr; auto is text on a terminal, else json [auto]");
}

void ServeOptions::configure_log() const {
  const bool to_terminal = Terminal::of(STDERR_FILENO).moving;
  const bool text = log_format == "text" || (log_format == "auto" && to_terminal);
  log::configure(*log::parse_level(log_level), text ? log::Format::text : log::Format::json);
}

}  // namespace gantry::cli
