#include "gantry/base/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"
#include "open_regular.h"
#include "write_whole.h"

namespace gantry {
namespace {

template <class Container>
Result<Container> read_whole(const std::filesystem::path& path, std::size_t max_bytes) {
  auto file = open_regular(path, max_bytes);
  if (!file) {
    return std::unexpected(std::move(file.error()));
  }
  Container bytes;
  bytes.resize(file->size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file->fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail(Code::invalid_argument,
                  format_text("{}: can't be read: {}", path.string(), errno_text(errno)));
    }
    if (n == 0) {
      break;  // it shrank since fstat
    }
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

std::unexpected<Error> cannot(const std::filesystem::path& path, const char* what, int error) {
  return fail(Code::invalid_argument,
              format_text("{}: can't be {}: {}", path.string(), what, errno_text(error)));
}

/// What a path names once its symbolic links are followed; nothing need be there yet.
struct Place {
  std::filesystem::path path;
  bool is_descriptor = false;  ///< It leads to an open file, as /dev/stdout does, by no real name.
};

Result<Place> named_by(const std::filesystem::path& path) {
  constexpr int max_links = 40;  // as the kernel
  std::filesystem::path at = path;
  for (int i = 0; i < max_links; ++i) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(at, error);
    if (error) {
      return Place{.path = at};  // no link, or nothing there
    }
    const auto folder = at.has_parent_path() ? at.parent_path() : std::filesystem::path(".");
    struct statfs system{};
    if (::statfs(folder.c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC) {
      return Place{.path = at, .is_descriptor = true};
    }
    at = folder / target;
  }
  return cannot(path, "written", ELOOP);
}

Result<> write_into(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  // It may be where stdout goes: what was printed before comes first, and stays.
  std::fflush(stdout);
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC));
  if (!fd) {
    return cannot(path, "opened", errno);
  }
  if (const int error = write_whole(fd.get(), bytes); error != 0) {
    return cannot(path, "written", error);
  }
  return {};
}

constexpr mode_t permission_bits = 0777;

/// Replaces the file `place`, or makes it if there is no `mode` to keep. `path` is what the user
/// calls it.
Result<> replace(const std::filesystem::path& path, const std::filesystem::path& place,
                 std::optional<mode_t> mode, std::span<const std::byte> bytes) {
  // open() and not mkostemp(), which makes every file 0600: only the kernel knows the umask without
  // changing it.
  constexpr mode_t usual = 0666;
  constexpr int attempts = 100;  // a file may be left over from a process of the same number
  std::string temporary;
  UniqueFd fd;
  for (int i = 0; i < attempts && !fd; ++i) {
    temporary = format_text("{}.{}-{}", place.string(), ::getpid(), i);
    fd.reset(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode.value_or(usual)));
    if (!fd && errno != EEXIST) {
      break;
    }
  }
  if (!fd) {
    return cannot(path, "created", errno);
  }
  int error = write_whole(fd.get(), bytes);
  if (error == 0 && ((mode && ::fchmod(fd.get(), *mode) != 0) || ::fsync(fd.get()) != 0 ||
                     ::rename(temporary.c_str(), place.c_str()) != 0)) {
    error = errno;
  }
  if (error != 0) {
    ::unlink(temporary.c_str());
    return cannot(path, "written", error);
  }
  return {};
}

}  // namespace

Result<OpenFile> open_regular(const std::filesystem::path& path, std::size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO by mistake must not hang; it has no effect on regular files.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const int error = errno;
    return fail(error == ENOENT || error == ENOTDIR ? Code::not_found : Code::failed_precondition,
                format_text("{}: can't be opened: {}", path.string(), errno_text(error)));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return fail(Code::invalid_argument, format_text("{}: {}", path.string(), errno_text(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Code::invalid_argument,
                format_text("{}: want a regular file, found a {}", path.string(),
                            S_ISDIR(status.st_mode) ? "directory" : "special file"));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > max_bytes) {
    return fail(Code::out_of_range, format_text("{}: want at most {}, found {}", path.string(),
                                                human_bytes(max_bytes), human_bytes(size)));
  }
  return OpenFile{.fd = std::move(fd), .size = size};
}

Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  return read_whole<std::vector<std::byte>>(path, max_bytes);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  return read_whole<std::string>(path, max_bytes);
}

Result<> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  struct stat status{};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) {
    return cannot(path, "written", errno);
  }
  if (exists && S_ISDIR(status.st_mode)) {
    return fail(Code::invalid_argument,
                format_text("{}: want a file to write, found a directory", path.string()));
  }
  const auto place = named_by(path);
  if (!place) {
    return std::unexpected(place.error());
  }
  if ((exists && !S_ISREG(status.st_mode)) || place->is_descriptor) {
    return write_into(path, bytes);
  }
  return replace(path, place->path,
                 exists ? std::optional<mode_t>(status.st_mode & permission_bits) : std::nullopt,
                 bytes);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, std::size_t max_bytes) {
  auto file = open_regular(path, max_bytes);
  if (!file) {
    return std::unexpected(std::move(file.error()));
  }
  if (file->size == 0) {
    return MappedFile({});
  }
  void* address = ::mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE, file->fd.get(), 0);
  if (address == MAP_FAILED) {
    return fail(Code::invalid_argument,
                format_text("{}: can't be mapped: {}", path.string(), errno_text(errno)));
  }
  return MappedFile({static_cast<const std::byte*>(address), file->size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): munmap's type; the memory is ours.
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

}  // namespace gantry
