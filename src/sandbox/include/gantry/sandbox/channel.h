#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

// Messages between a parent and its child. They go over a packet socket of their own, which no
// library writes to.
namespace gantry::sandbox {

inline constexpr std::size_t most_message_bytes = std::size_t{128} << 10U;

/// Both ends of a new channel, closed on exec. Errors: unavailable with the system's reason.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_channel();

/// Sends one message, with a descriptor if `fd` is not -1.
/// Errors: unavailable with the system's reason, also if the other side is gone; out_of_range if it
///         is larger than most_message_bytes.
[[nodiscard]] Result<> send_message(int socket, std::span<const std::byte> message, int fd = -1);

struct Received {
  std::vector<std::byte> bytes;  ///< empty: the other side closed
  UniqueFd fd;
};
/// Receives one message. Waits for it unless `dont_wait`.
/// Errors: invalid_argument if it is larger than most_message_bytes or brings more than one
///         descriptor; unavailable with the system's reason; resource_exhausted if `dont_wait` and
///         there is no message.
[[nodiscard]] Result<Received> receive_message(int socket, bool dont_wait = false);

}  // namespace gantry::sandbox
