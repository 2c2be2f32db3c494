#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/digest/sha256.h"

namespace gantry::zoo {

Error file_error(const std::filesystem::path& path, std::string_view what) {
  const int error = errno;
  return {error == ENOENT || error == ENOTDIR ? Code::not_found : Code::failed_precondition,
          format_text("{}: can't be {}: {}", path.string(), what, errno_text(error))};
}

Result<> for_each_piece(const std::filesystem::path& path,
                        const std::function<Result<>(std::span<const std::byte>)>& take) {
  // O_NONBLOCK: opening a FIFO by mistake must not hang.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return std::unexpected(file_error(path, "opened"));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Code::invalid_argument,
                format_text("{}: want a regular file, found something else", path.string()));
  }
  std::array<std::byte, std::size_t{64} * 1024> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return std::unexpected(file_error(path, "read"));
    }
    if (count == 0) {
      return {};
    }
    if (Result<> taken = take(std::span(buffer).first(static_cast<std::size_t>(count))); !taken) {
      return taken;
    }
  }
}

Result<FileHash> hash_file(const std::filesystem::path& path) {
  digest::Sha256 hash;
  std::uint64_t size = 0;
  const Result<> read = for_each_piece(path, [&](std::span<const std::byte> piece) -> Result<> {
    hash.add(piece);
    size += piece.size();
    return {};
  });
  if (!read) {
    return std::unexpected(read.error());
  }
  return FileHash{.sha256 = hash.finish(), .bytes = size};
}

Result<> write_all(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return std::unexpected(file_error(path, "written"));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<UniqueFd> create_file(const std::filesystem::path& path) {
  constexpr mode_t readable_by_all = 0644;
  UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, readable_by_all));
  if (!fd) {
    return std::unexpected(file_error(path, "created"));
  }
  return fd;
}

Result<> copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                   std::uint64_t max_bytes) {
  const auto out = create_file(to);
  if (!out) {
    return std::unexpected(out.error());
  }
  std::uint64_t size = 0;
  return for_each_piece(from, [&](std::span<const std::byte> piece) -> Result<> {
    size += piece.size();
    if (size > max_bytes) {
      return fail(Code::out_of_range, format_text("{}: want at most {}, found more", from.string(),
                                                  human_bytes(max_bytes)));
    }
    return write_all(out->get(), piece, to);
  });
}

Result<> make_folders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return fail(Code::failed_precondition,
                format_text("{}: can't be created: {}", path.string(), error.message()));
  }
  return {};
}

Result<> sync(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) {
    return std::unexpected(file_error(path, "written to the disk"));
  }
  return {};
}

Result<TemporaryFolder> TemporaryFolder::create(const std::filesystem::path& prefix) {
  std::string path = prefix.string() + "XXXXXX";
  constexpr mode_t like_any_other = 0755;
  if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), like_any_other) != 0) {
    return std::unexpected(file_error(path, "created"));
  }
  return TemporaryFolder(std::filesystem::path(path));
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) {
    std::error_code ignored;  // what stays is removed by the next pull
    std::filesystem::remove_all(path_, ignored);
  }
}

Result<> publish_folder(const std::filesystem::path& fresh, const std::filesystem::path& target) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
    return {};
  }
  if (errno == EEXIST &&
      ::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return std::unexpected(file_error(target, "put in place"));
  }
  // A file system without these two (some network and overlay file systems): for a moment there is
  // nothing at `target`, but never half of something.
  const std::filesystem::path old = fresh.string() + ".old";
  const bool moved = ::rename(target.c_str(), old.c_str()) == 0;
  if (::rename(fresh.c_str(), target.c_str()) != 0) {
    Error error = file_error(target, "put in place");
    if (moved) {
      std::rename(old.c_str(), target.c_str());
    }
    return std::unexpected(std::move(error));
  }
  if (moved) {
    std::rename(old.c_str(), fresh.c_str());
  }
  return {};
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path, Deadline deadline,
                                   const std::function<void()>& on_wait) {
  constexpr mode_t writable_by_owner = 0644;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, writable_by_owner));
  if (!fd) {
    return std::unexpected(file_error(path, "opened"));
  }
  bool told = false;
  // Asked again and again, since flock() knows no deadline.
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return std::unexpected(file_error(path, "locked"));
    }
    if (!std::exchange(told, true) && on_wait) {
      on_wait();
    }
    if (deadline.has_passed()) {
      return fail(Code::unavailable,
                  format_text("{}: another process holds this lock", path.string()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return FileLock(std::move(fd));
}

}  // namespace gantry::zoo
