#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/emulator_device/device.h"

namespace gantry::emulator {

/// Lends a device to other processes through a Unix socket (see wire.h), and takes commands, one
/// per line, on another socket. The answer is "ok …" or "error …".
/// Threads: one that accepts, and one for each connection. The destructor cuts the connections and
///          joins all threads.
class Server {
 public:
  using Control = std::function<std::string(std::string_view line)>;

  /// Listens on `folder`/device.sock and `folder`/control.sock. The device and whatever `control`
  /// refers to must outlive the server; `control` is called from several threads.
  /// Errors: unavailable with the system's reason, invalid_argument for a path that is too long
  ///         for a socket.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::filesystem::path& folder,
                                                             Device& device, Control control);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] static std::filesystem::path device_socket(const std::filesystem::path& folder) {
    return folder / "device.sock";
  }
  [[nodiscard]] static std::filesystem::path control_socket(const std::filesystem::path& folder) {
    return folder / "control.sock";
  }

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Sends one line to a control socket. Errors: unavailable; the worker's own "error …" as
/// invalid_argument.
[[nodiscard]] Result<std::string> send_command(const std::filesystem::path& socket,
                                               std::string_view line);

}  // namespace gantry::emulator
