#include "device_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "real.h"

namespace gantry::emulator {
namespace {

constexpr std::size_t max_files = 64;
constexpr std::size_t max_channels = 4;
constexpr std::size_t max_noted_fds = 4096;

/// A connection; one request at a time.
struct Channel {
  std::mutex mutex;
  int socket = -1;
};

struct OpenFile {
  dev_t device = 0;
  ino_t inode = 0;  ///< 0: free
  std::uint64_t token = 0;
  std::array<Channel, max_channels> channels;
};

// NOLINTBEGIN(*-avoid-non-const-global-variables): the state of a library that nobody constructs
std::mutex table_mutex;
std::array<OpenFile, max_files> table;
std::array<std::atomic<bool>, max_noted_fds> noted;
// NOLINTEND(*-avoid-non-const-global-variables)

void close_socket(int socket) { REAL(close)(socket); }

bool receive_all(int socket, void* to, std::size_t bytes) {
  auto* at = static_cast<char*>(to);
  while (bytes != 0) {
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): each question has its answer
    const auto got = recv(socket, at, bytes, 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send_all(int socket, const void* from, std::size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  while (bytes != 0) {
    const auto sent = send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      return false;
    }
    at += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

/// Receives a reply's head and the descriptor that may come with it.
bool receive_head(int socket, wire::ReplyHead& head, int* passed_fd) {
  iovec part{.iov_base = &head, .iov_len = sizeof(head)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    return false;
  }
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && passed_fd != nullptr) {
      std::memcpy(passed_fd, CMSG_DATA(c), sizeof(int));
    }
  }
  const auto done = static_cast<std::size_t>(got);
  return receive_all(socket, reinterpret_cast<char*>(&head) + done, sizeof(head) - done);
}

/// One request and its answer; -1 if the connection is of no more use.
int exchange(int socket, wire::Op op, const void* payload, std::size_t bytes, void* reply,
             std::size_t reply_bytes, int* passed_fd) {
  const wire::RequestHead head{.op = static_cast<std::uint32_t>(op),
                               .bytes = static_cast<std::uint32_t>(bytes)};
  wire::ReplyHead answer{};
  if (bytes > wire::max_bytes || !send_all(socket, &head, sizeof(head)) ||
      !send_all(socket, payload, bytes) || !receive_head(socket, answer, passed_fd)) {
    return -1;
  }
  if (answer.error != 0) {
    return answer.error;
  }
  if (answer.bytes != reply_bytes || !receive_all(socket, reply, reply_bytes)) {
    return -1;
  }
  return 0;
}

int connect_to_worker() {
  const char* path =
      std::getenv(wire::socket_variable);  // NOLINT(concurrency-mt-unsafe): read only
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) {
    return -1;
  }
  std::memcpy(address.sun_path, path, std::strlen(path) + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return -1;
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close_socket(fd);
    return -1;
  }
  return fd;
}

bool identify(int fd, dev_t& device, ino_t& inode) {
  struct stat status{};
  if (REAL(fstat)(fd, &status) != 0) {
    return false;
  }
  device = status.st_dev;
  inode = status.st_ino;
  return true;
}

/// The open file behind a descriptor, or null. The table's mutex must be held.
OpenFile* find(int fd) {
  dev_t device = 0;
  ino_t inode = 0;
  if (!identify(fd, device, inode)) {
    return nullptr;
  }
  for (auto& file : table) {
    if (file.inode != 0 && file.inode == inode && file.device == device) {
      return &file;
    }
  }
  return nullptr;
}

void note(int fd, bool is) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < noted.size()) {
    noted.at(static_cast<std::size_t>(fd)) = is;
  }
}

/// The connections are the parent's; a child makes its own when it needs one. Between fork and
/// exec this must not lock: the child's only thread comes from one that may not hold anything.
void forget_channels() {
  for (auto& file : table) {
    for (auto& channel : file.channels) {
      if (channel.socket >= 0) {
        close_socket(channel.socket);
        channel.socket = -1;
      }
    }
  }
}

__attribute__((constructor)) void start() {
  pthread_atfork([] { table_mutex.lock(); }, [] { table_mutex.unlock(); },
                 [] {
                   forget_channels();
                   table_mutex.unlock();
                 });
}

/// Connects a channel to its file if it is not.
bool connect_channel(Channel& channel, std::uint64_t token) {
  if (channel.socket >= 0) {
    return true;
  }
  const int socket = connect_to_worker();
  const wire::Attach attach{.token = token};
  if (socket < 0 ||
      exchange(socket, wire::Op::attach, &attach, sizeof(attach), nullptr, 0, nullptr) != 0) {
    if (socket >= 0) {
      close_socket(socket);
    }
    return false;
  }
  channel.socket = socket;
  return true;
}

}  // namespace

int open_device(int flags) {
  const int socket = connect_to_worker();
  if (socket < 0) {
    errno = ENOENT;
    return -1;
  }
  wire::Opened opened{};
  int memory = -1;
  const int error = exchange(socket, wire::Op::open, nullptr, 0, &opened, sizeof(opened), &memory);
  if (error != 0 || memory < 0) {
    close_socket(socket);
    errno = error > 0 ? error : ENODEV;
    return -1;
  }
  if ((flags & O_CLOEXEC) == 0) {
    REAL(fcntl)(memory, F_SETFD, 0);
  }
  const std::scoped_lock lock(table_mutex);
  auto* free = std::ranges::find(table, ino_t{0}, &OpenFile::inode);
  if (free == table.end() || !identify(memory, free->device, free->inode)) {
    close_socket(socket);
    REAL(close)(memory);
    errno = EMFILE;
    return -1;
  }
  free->token = opened.token;
  free->channels[0].socket = socket;
  note(memory, true);
  return memory;
}

bool may_be_device(int fd) {
  return fd >= 0 &&
         (static_cast<std::size_t>(fd) >= noted.size() || noted.at(static_cast<std::size_t>(fd)));
}

bool is_device(int fd) {
  const std::scoped_lock lock(table_mutex);
  return find(fd) != nullptr;
}

void note_copy(int original, int copy) {
  if (copy >= 0) {
    note(copy, may_be_device(original) && is_device(original));
  }
}

int close_device(int fd, int (*close_it)(int)) {
  const std::scoped_lock lock(table_mutex);
  OpenFile* file = find(fd);
  const int result = close_it(fd);
  const int error = errno;
  note(fd, false);
  if (file == nullptr) {
    errno = error;
    return result;
  }
  for (std::size_t other = 0; other < noted.size(); ++other) {
    if (noted.at(other) && find(static_cast<int>(other)) == file) {
      errno = error;
      return result;
    }
  }
  file->inode = 0;
  for (auto& channel : file->channels) {
    const std::scoped_lock busy(channel.mutex);
    if (channel.socket >= 0) {
      close_socket(channel.socket);
      channel.socket = -1;
    }
  }
  errno = error;
  return result;
}

int ask(int fd, wire::Op op, const void* payload, std::size_t bytes, void* reply,
        std::size_t reply_bytes) {
  OpenFile* file = nullptr;
  {
    const std::scoped_lock lock(table_mutex);
    file = find(fd);
  }
  if (file == nullptr) {
    return ENOTTY;
  }
  // The first connection that nobody uses; if all are in use, the first that becomes free.
  for (std::size_t i = 0; i <= max_channels; ++i) {
    Channel& channel = file->channels.at(i % max_channels);
    std::unique_lock lock(channel.mutex, std::defer_lock);
    if (i == max_channels) {
      lock.lock();
    } else if (!lock.try_lock()) {
      continue;
    }
    if (!connect_channel(channel, file->token)) {
      return ENODEV;
    }
    const int error = exchange(channel.socket, op, payload, bytes, reply, reply_bytes, nullptr);
    if (error < 0) {
      close_socket(channel.socket);
      channel.socket = -1;
      return ENODEV;
    }
    return error;
  }
  return ENODEV;
}

}  // namespace gantry::emulator
