#include "gantry/http/server.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "connection.h"
#include "gantry/base/text.h"
#include "loop.h"

namespace gantry::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Out of descriptors: time for some to come back, without spinning on the connection that waits.
constexpr std::chrono::milliseconds accept_pause{100};
// So many connections beyond the limit are told so at a time; further ones are closed without a
// word.
constexpr std::size_t max_rejections = 128;

std::string endpoint_text(const tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  const std::string port = std::to_string(endpoint.port());
  return address.is_v6() ? "[" + address.to_string() + "]:" + port
                         : address.to_string() + ":" + port;
}

std::string_view next_step(const error_code& error) {
  if (error == asio::error::address_in_use) {
    return "stop the program that listens there, or choose another port (0: any that is free)";
  }
  if (error == asio::error::access_denied) {
    return "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE: choose a higher one";
  }
  if (error.value() == EADDRNOTAVAIL) {
    return "this machine has no such address: 127.0.0.1 is for itself alone, 0.0.0.0 for everyone";
  }
  if (error == asio::error::address_family_not_supported) {
    return "this machine has no IPv6: choose an IPv4 address";
  }
  return "choose another address or port";
}

Result<tcp::endpoint> parse_endpoint(const ServerConfig& config) {
  std::string_view text = config.address;
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
  }
  error_code error;
  const auto address = asio::ip::make_address(std::string(text), error);
  if (error) {
    return fail(Code::invalid_argument,
                "listen address " + in_quotes(config.address) +
                    ": want an IPv4 or IPv6 literal such as 127.0.0.1, 0.0.0.0 or ::1");
  }
  return tcp::endpoint(address, config.port);
}

Result<> listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error;
  const auto step = [&error](auto&& call) {
    if (!error) {
      call();
    }
  };
  step([&] { acceptor.open(endpoint.protocol(), error); });
  step([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  if (endpoint.address().is_v6()) {
    step([&] { acceptor.set_option(asio::ip::v6_only(false), error); });  // :: takes IPv4, too
  }
  step([&] { acceptor.bind(endpoint, error); });
  step([&] { acceptor.listen(tcp::acceptor::max_listen_connections, error); });
  if (error) {
    return fail(Code::unavailable, "can't listen on " + endpoint_text(endpoint) + ": " +
                                       error.message() + "; " + std::string(next_step(error)));
  }
  return {};
}

}  // namespace

struct Server::Impl {
  Impl(ServerConfig config, Handler handler, ErrorResponse error_response,
       std::function<void(const ConnectionEvent&)> on_event);
  // NOLINTNEXTLINE(bugprone-exception-escape): without memory to stop with the program may end
  ~Impl() { stop(Deadline::after({})); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void accept();
  void accepted(const error_code& error, tcp::socket socket, Loop& loop);
  void adopt(tcp::socket socket, Loop& loop);
  void run(std::size_t index);
  void failed(Loop& loop, std::string what) const;
  bool stop(Deadline deadline);

  // Loops outlive what lives in them: destroyed last.
  std::vector<std::shared_ptr<Loop>> loops;
  ServerContext context;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::uint16_t port = 0;
  std::size_t next_loop = 0;
  bool accept_failing = false;

  std::atomic<std::size_t> connections = 0;
  std::mutex closed_mutex;
  std::condition_variable closed;

  std::mutex stop_mutex;
  bool stopped = false;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::jthread> threads;
};

namespace {

std::vector<std::shared_ptr<Loop>> make_loops(std::size_t count) {
  std::vector<std::shared_ptr<Loop>> loops;
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    loops.push_back(std::make_shared<Loop>());
  }
  return loops;
}

}  // namespace

Server::Impl::Impl(ServerConfig config, Handler handler, ErrorResponse error_response,
                   std::function<void(const ConnectionEvent&)> on_event)
    : loops(make_loops(config.io_threads)),
      acceptor(loops.front()->context()),
      pause(loops.front()->context()) {
  context.budget = std::make_shared<BodyBudget>(config.limits.max_total_body_bytes);
  context.config = std::move(config);
  context.handler = std::move(handler);
  context.error_response = std::move(error_response);
  context.on_event = on_event ? std::move(on_event) : [](const ConnectionEvent&) {};
  context.on_closed = [this] {
    if (connections.fetch_sub(1) == 1 && context.stopping.load()) {
      const std::scoped_lock lock(closed_mutex);
      closed.notify_all();
    }
  };
}

void Server::Impl::accept() {
  Loop& loop = *loops[next_loop++ % loops.size()];
  acceptor.async_accept(loop.context(), [this, &loop](const error_code& error, tcp::socket socket) {
    accepted(error, std::move(socket), loop);
  });
}

void Server::Impl::accepted(const error_code& error, tcp::socket socket, Loop& loop) {
  loops.front()->active = nullptr;
  if (context.stopping.load() || error == asio::error::operation_aborted) {
    return;
  }
  if (error && error != asio::error::connection_aborted) {
    if (!std::exchange(accept_failing, true)) {
      context.on_event({503, "", "can't accept connections: " + error.message(), ""});
    }
    pause.expires_after(accept_pause);
    pause.async_wait([this](const error_code& cancelled) {
      if (!cancelled && !context.stopping.load()) {
        accept();
      }
    });
    return;
  }
  accept();
  if (error) {
    return;
  }
  accept_failing = false;
  if (&loop == loops.front().get()) {
    adopt(std::move(socket), loop);
  } else {
    loop.post(
        [this, &loop, socket = std::move(socket)]() mutable { adopt(std::move(socket), loop); });
  }
}

void Server::Impl::adopt(tcp::socket socket, Loop& loop) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (!error) {
    socket.set_option(tcp::no_delay(true), error);
  }
  if (!error) {
    socket.non_blocking(true, error);
  }
  const std::size_t max = context.config.limits.max_connections;
  if (error || context.stopping.load() || connections.load() >= max + max_rejections) {
    return;
  }
  auto connection =
      std::make_shared<Connection>(context, loop, std::move(socket), endpoint_text(peer));
  loop.connections.emplace(connection.get(), connection);
  if (connections.fetch_add(1) < max) {
    connection->start();
  } else {
    connection->reject();
  }
}

// The I/O thread's entry: the only place where an exception of a handler or callback ends.
void Server::Impl::run(std::size_t index) {
  Loop& loop = *loops[index];
  pthread_setname_np(pthread_self(), ("io-" + std::to_string(index)).c_str());
  for (;;) {
    try {
      loop.context().run();
      return;
    } catch (const std::exception& exception) {
      failed(loop, exception.what());
    } catch (...) {
      failed(loop, "an exception of unknown type");
    }
  }
}

void Server::Impl::failed(Loop& loop, std::string what) const {
  const auto found = loop.connections.find(loop.active);
  if (found == loop.connections.end()) {
    context.on_event({500, "", "a callback failed: " + what, ""});
    return;
  }
  found->second->note_failure(std::move(what));
  asio::post(loop.context(), [weak = std::weak_ptr(found->second)] {
    if (const auto connection = weak.lock()) {
      connection->recover();
    }
  });
}

bool Server::Impl::stop(Deadline deadline) {
  const std::scoped_lock lock(stop_mutex);
  if (std::exchange(stopped, true)) {
    return context.cut_off == 0;
  }
  const auto for_each_connection = [](Loop& loop, void (Connection::*action)()) {
    for (const auto& [key, connection] : loop.connections) {
      // Each for itself: one that throws must not keep the others from it.
      asio::post(loop.context(), [connection, action] { ((*connection).*action)(); });
    }
  };
  context.stopping.store(true);
  loops.front()->post([this] {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  });
  for (const auto& loop : loops) {
    loop->post([for_each_connection, loop = loop.get()] {
      for_each_connection(*loop, &Connection::drain);
    });
  }
  {
    std::unique_lock closing(closed_mutex);
    const auto all_gone = [this] { return connections.load() == 0; };
    if (deadline.is_never()) {
      closed.wait(closing, all_gone);
    } else {
      closed.wait_until(closing, deadline.time(), all_gone);
    }
  }
  for (const auto& loop : loops) {
    loop->post([for_each_connection, loop = loop.get()] {
      for_each_connection(*loop, &Connection::cut_off);
    });
    loop->close();
  }
  guards.clear();
  threads.clear();  // joins: without guard, listener and connections each loop runs out of work
  return context.cut_off == 0;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(
    ServerConfig config, Handler handler, ErrorResponse error_response,
    std::function<void(const ConnectionEvent&)> on_event) {
  const auto endpoint = parse_endpoint(config);
  if (!endpoint) {
    return std::unexpected(endpoint.error());
  }
  if (!handler || !error_response) {
    return fail(Code::invalid_argument, "http::Server needs a handler and an error response");
  }
  auto impl = std::make_unique<Impl>(std::move(config), std::move(handler),
                                     std::move(error_response), std::move(on_event));
  if (auto listening = listen_on(impl->acceptor, *endpoint); !listening) {
    return std::unexpected(listening.error());
  }
  impl->port = impl->acceptor.local_endpoint().port();
  impl->accept();
  for (std::size_t i = 0; i < impl->loops.size(); ++i) {
    impl->guards.emplace_back(impl->loops[i]->context().get_executor());
    impl->threads.emplace_back([impl = impl.get(), i] { impl->run(i); });
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const noexcept { return impl_->port; }

std::size_t Server::connections() const noexcept { return impl_->connections.load(); }

bool Server::stop(Deadline deadline) { return impl_->stop(deadline); }

}  // namespace gantry::http
