#include "gantry/sandbox/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "gantry/base/error.h"
#include "gantry/base/format.h"

namespace gantry::sandbox {

Result<std::pair<UniqueFd, UniqueFd>> make_channel() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::unavailable, format_text("no socket: {}", errno_text(errno)));
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<> send_message(int socket, std::span<const std::byte> message, int fd) {
  if (message.size() > most_message_bytes) {
    return fail(Code::out_of_range,
                format_text("a message of {} bytes is too large, {} are allowed", message.size(),
                            most_message_bytes));
  }
  iovec part{.iov_base = const_cast<std::byte*>(message.data()),  // NOLINT(*-const-cast): POSIX's
             .iov_len = message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  if (fd >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) {
      return fail(Code::unavailable, format_text("cannot send: {}", errno_text(errno)));
    }
  }
  return {};
}

Result<Received> receive_message(int socket, bool dont_wait) {
  // Most messages are small; the size of a large one is looked up first.
  std::array<std::byte, 4096> small{};
  Received received;
  ssize_t size = -1;
  const int wait = dont_wait ? MSG_DONTWAIT : 0;
  while ((size = recv(socket, small.data(), small.size(), MSG_PEEK | MSG_TRUNC | wait)) < 0 &&
         errno == EINTR) {
  }
  if (size < 0) {
    return fail(errno == EAGAIN ? Code::resource_exhausted : Code::unavailable,
                format_text("cannot receive: {}", errno_text(errno)));
  }
  if (static_cast<std::size_t>(size) > most_message_bytes) {
    return fail(Code::invalid_argument, format_text("a message of {} bytes", size));
  }
  received.bytes.resize(static_cast<std::size_t>(size));
  iovec part{.iov_base = received.bytes.data(), .iov_len = received.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  while ((size = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0 && errno == EINTR) {
  }
  if (size < 0) {
    return fail(Code::unavailable, format_text("cannot receive: {}", errno_text(errno)));
  }
  received.bytes.resize(static_cast<std::size_t>(size));
  bool too_many = false;
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    // Padding leaves room for more than one; each is ours to close.
    for (std::size_t at = 0; CMSG_LEN(at) < each->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + at, sizeof fd);
      too_many = too_many || received.fd;
      received.fd.reset(fd);
    }
  }
  if (too_many || (header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
    return fail(Code::invalid_argument, "a message that brings more than it may");
  }
  return received;
}

}  // namespace gantry::sandbox
