// The bare http::Server with a handler that says hello: what the rest of the service is measured
// against. Usage: hello_server [PORT], then for example: wrk -t1 -c1 -d5 --latency
// http://127.0.0.1:PORT/
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "gantry/base/text.h"
#include "gantry/http/server.h"

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto port = argc > 1 ? gantry::parse_int(argv[1]) : 8080;
  if (!port || *port < 0 || *port > UINT16_MAX) {
    std::fprintf(stderr, "usage: hello_server [PORT]\n");
    return 2;
  }
  gantry::http::ServerConfig config;
  config.port = static_cast<std::uint16_t>(*port);
  auto server = gantry::http::Server::start(
      config,
      [](const std::shared_ptr<gantry::http::Exchange>& exchange) {
        exchange->respond(
            {.status = 200, .content_type = "text/plain", .body = "hello\n", .headers = {}});
      },
      [](int status, std::string_view, std::string_view message) {
        return gantry::http::Response{.status = status,
                                      .content_type = "text/plain",
                                      .body = std::string(message),
                                      .headers = {}};
      });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 3;
  }
  std::printf("http://127.0.0.1:%u/\n", unsigned{(*server)->port()});
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
