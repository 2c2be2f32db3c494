#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>

namespace gantry {

/// Writes all of `bytes` and takes off what was written. Answers 0, or the errno of what failed.
[[nodiscard]] inline int write_whole(int fd, std::span<const std::byte>& bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return n < 0 ? errno : EIO;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace gantry
