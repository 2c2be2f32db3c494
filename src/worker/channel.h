#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::worker {

/// Sends one message on a socket of packets, with a descriptor if `fd` is not -1.
/// Errors: unavailable with the system's reason, among them that the other side is gone;
/// out_of_range if it is larger than most_message_bytes.
[[nodiscard]] Result<> send_message(int socket, std::span<const std::byte> message, int fd = -1);

struct Received {
  std::vector<std::byte> bytes;  ///< empty: the other side closed
  UniqueFd fd;
};
/// Takes one message. Waits for it unless `dont_wait`.
/// Errors: invalid_argument if it is larger than most_message_bytes or brings more than one
/// descriptor; unavailable with the system's reason.
[[nodiscard]] Result<Received> receive_message(int socket, bool dont_wait = false);

}  // namespace gantry::worker
