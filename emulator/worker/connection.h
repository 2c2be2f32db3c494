#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gantry/emulator_device/device.h"
#include "gantry/emulator_wire/wire.h"
#include "open_files.h"

namespace gantry::emulator {

/// The reply to one request.
struct Reply {
  int error = 0;
  std::vector<std::byte> bytes{};
  int passed_fd = -1;  ///< not owned
};

/// One connection's requests, without its socket. Threads: one at a time.
class Connection {
 public:
  Connection(Device& device, OpenFiles& files) : device_(device), files_(files) {}

  [[nodiscard]] Reply answer(wire::Op op, std::span<const std::byte> payload);

  /// Reads requests from a socket and answers them, until the socket is closed or a request is
  /// malformed.
  void serve(int socket);

 private:
  [[nodiscard]] Reply open();
  [[nodiscard]] Reply attach(std::span<const std::byte> payload);
  [[nodiscard]] Reply create_bo(std::span<const std::byte> payload);
  [[nodiscard]] Reply submit(std::span<const std::byte> payload);
  [[nodiscard]] Reply prepare(std::span<const std::byte> payload);

  Device& device_;
  OpenFiles& files_;
  std::shared_ptr<File> file_;
};

}  // namespace gantry::emulator
