#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "gantry/api/api.h"
#include "gantry/cli/options.h"
#include "gantry/cli/parse.h"
#include "gantry/http/server.h"
#include "gantry/inference/service.h"
#include "settings/model_options.h"
#include "settings/npu_options.h"

namespace gantry::cli {

/// The settings of `gantry serve`.
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

  void add_to(Options& options);
  /// Configures the log by --log-level and --log-format. Without --log-format: text if stderr is a
  /// terminal.
  void configure_log() const;
};

}  // namespace gantry::cli
