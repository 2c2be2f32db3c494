#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry::emulator {

/// Stream sockets of the Unix family, by path. Errors: unavailable, invalid_argument for a path
/// that is too long.
[[nodiscard]] Result<UniqueFd> listen_on(const std::filesystem::path& path);
[[nodiscard]] Result<UniqueFd> connect_to(const std::filesystem::path& path);

/// All of it, or false: the other side has gone.
[[nodiscard]] bool receive_all(int socket, std::span<std::byte> bytes);
/// `passed_fd` goes along with the first byte unless it is -1.
[[nodiscard]] bool send_all(int socket, std::span<const std::byte> bytes, int passed_fd = -1);

}  // namespace gantry::emulator
