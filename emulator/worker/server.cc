#include "gantry/emulator_worker/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "connection.h"
#include "gantry/base/unique_fd.h"
#include "open_files.h"
#include "socket.h"

namespace gantry::emulator {
namespace {

constexpr std::size_t max_line = 1024;

/// Reads up to a newline or the end of what comes; empty if that is too long.
std::string receive_line(int socket) {
  std::string line;
  char next = 0;
  while (line.size() < max_line &&
         receive_all(socket, std::as_writable_bytes(std::span(&next, 1))) && next != '\n') {
    line.push_back(next);
  }
  return line;
}

}  // namespace

struct Server::Impl {
  /// A connection's thread and its socket, which shutdown() wakes.
  struct Peer {
    UniqueFd socket;
    std::atomic<bool> is_over = false;
    std::jthread thread;  // last: joined before the socket closes
  };

  Device& device;
  Control control;
  UniqueFd device_listener;
  UniqueFd control_listener;
  std::filesystem::path folder;
  UniqueFd wake_read;
  UniqueFd wake_write;
  OpenFiles files;
  std::list<Peer> peers;
  std::jthread acceptor;

  void accept_all();
  void start_peer(int listener, bool is_control);
  void serve_control(int socket) const;
};

void Server::Impl::serve_control(int socket) const {
  while (true) {
    const std::string line = receive_line(socket);
    if (line.empty()) {
      return;
    }
    const std::string answer = control(line) + "\n";
    if (!send_all(socket, std::as_bytes(std::span(answer)))) {
      return;
    }
  }
}

void Server::Impl::start_peer(int listener, bool is_control) {
  UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) {
    return;
  }
  peers.remove_if([](const Peer& peer) { return peer.is_over.load(); });
  Peer& peer = peers.emplace_back();
  peer.socket = std::move(socket);
  peer.thread = std::jthread([this, &peer, is_control] {
    if (is_control) {
      serve_control(peer.socket.get());
    } else {
      Connection(device, files).serve(peer.socket.get());
    }
    shutdown(peer.socket.get(), SHUT_RDWR);
    peer.is_over = true;
  });
}

void Server::Impl::accept_all() {
  std::array<pollfd, 3> waiting = {
      {{.fd = wake_read.get(), .events = POLLIN, .revents = 0},
       {.fd = device_listener.get(), .events = POLLIN, .revents = 0},
       {.fd = control_listener.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
      return;
    }
    if (waiting[0].revents != 0) {
      return;
    }
    if (waiting[1].revents != 0) {
      start_peer(device_listener.get(), false);
    }
    if (waiting[2].revents != 0) {
      start_peer(control_listener.get(), true);
    }
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& folder, Device& device,
                                              Control control) {
  auto device_listener = listen_on(device_socket(folder));
  if (!device_listener) {
    return std::unexpected(device_listener.error());
  }
  auto control_listener = listen_on(control_socket(folder));
  if (!control_listener) {
    return std::unexpected(control_listener.error());
  }
  std::array<int, 2> wake{};
  if (pipe2(wake.data(), O_CLOEXEC) != 0) {
    return fail(Code::unavailable, "no more pipes");
  }
  // NOLINTNEXTLINE(modernize-make-unique): an aggregate
  auto impl = std::unique_ptr<Impl>(new Impl{.device = device,
                                             .control = std::move(control),
                                             .device_listener = *std::move(device_listener),
                                             .control_listener = *std::move(control_listener),
                                             .folder = folder,
                                             .wake_read = UniqueFd(wake[0]),
                                             .wake_write = UniqueFd(wake[1]),
                                             .files = {},
                                             .peers = {},
                                             .acceptor = {}});
  impl->acceptor = std::jthread([raw = impl.get()] { raw->accept_all(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  const char stop = 0;
  while (write(impl_->wake_write.get(), &stop, 1) < 0 && errno == EINTR) {
  }
  impl_->acceptor.join();
  for (auto& peer : impl_->peers) {
    shutdown(peer.socket.get(), SHUT_RDWR);
  }
  // Who waits for a job waits no longer than the watchdog.
  impl_->peers.clear();
  std::error_code ignored;
  std::filesystem::remove(device_socket(impl_->folder), ignored);
  std::filesystem::remove(control_socket(impl_->folder), ignored);
}

Result<std::string> send_command(const std::filesystem::path& socket, std::string_view line) {
  const auto fd = connect_to(socket);
  if (!fd) {
    return std::unexpected(fd.error());
  }
  const std::string sent = std::string(line) + "\n";
  if (!send_all(fd->get(), std::as_bytes(std::span(sent)))) {
    return fail(Code::unavailable, socket.string() + ": closed");
  }
  shutdown(fd->get(), SHUT_WR);
  std::string answer;
  char next = 0;
  while (receive_all(fd->get(), std::as_writable_bytes(std::span(&next, 1))) && next != '\n') {
    answer.push_back(next);
  }
  if (answer.starts_with("ok")) {
    return answer.substr(answer.starts_with("ok ") ? 3 : 2);
  }
  if (answer.starts_with("error ")) {
    return fail(Code::invalid_argument, answer.substr(6));
  }
  return fail(Code::unavailable, socket.string() + ": no answer");
}

}  // namespace gantry::emulator
