#include "socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "gantry/base/error.h"
#include "gantry/base/format.h"

namespace gantry::emulator {
namespace {

std::unexpected<Error> system_error(const char* what, const std::filesystem::path& path) {
  return fail(Code::unavailable, format_text("{} {}: {}", what, path.string(), errno_text(errno)));
}

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string& name = path.native();
  if (name.size() >= sizeof(address.sun_path)) {
    return fail(Code::invalid_argument,
                format_text("{}: too long for a socket, want at most {} bytes", name,
                            sizeof(address.sun_path) - 1));
  }
  std::ranges::copy(name, address.sun_path);
  return address;
}

}  // namespace

Result<UniqueFd> listen_on(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) {
    return std::unexpected(address.error());
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0) {
    return system_error("listening on", path);
  }
  return fd;
}

Result<UniqueFd> connect_to(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) {
    return std::unexpected(address.error());
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return system_error("connecting to", path);
  }
  return fd;
}

bool receive_all(int socket, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto got = recv(socket, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool send_all(int socket, std::span<const std::byte> bytes, int passed_fd) {
  while (!bytes.empty()) {
    iovec part{.iov_base = const_cast<std::byte*>(bytes.data()),  // NOLINT(*-const-cast): C's iovec
               .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (passed_fd >= 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(head), &passed_fd, sizeof(int));
    }
    const auto sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      return false;
    }
    passed_fd = -1;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace gantry::emulator
