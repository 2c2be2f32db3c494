#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::emulator {

/// Unix stream sockets, by path. Errors: unavailable; invalid_argument for a path that is too long.
[[nodiscard]] Result<UniqueFd> listen_on(const std::filesystem::path& path);
[[nodiscard]] Result<UniqueFd> connect_to(const std::filesystem::path& path);

/// Receives all of `bytes`. False: the other side has gone.
[[nodiscard]] bool receive_all(int socket, std::span<std::byte> bytes);
/// Sends all of `bytes`. False: the other side has gone. `passed_fd` is sent with the first byte,
/// unless it is -1.
[[nodiscard]] bool send_all(int socket, std::span<const std::byte> bytes, int passed_fd = -1);

}  // namespace gantry::emulator
