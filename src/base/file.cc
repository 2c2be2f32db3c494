#include "gantry/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"
#include "open_regular.h"

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
  std::string temporary = path.string() + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  const auto failed = [&](const char* what) {
    const int error = errno;
    if (fd) {
      ::unlink(temporary.c_str());
    }
    return fail(Code::invalid_argument,
                format_text("{}: can't be {}: {}", path.string(), what, errno_text(error)));
  };
  if (!fd) {
    return failed("created");
  }
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return failed("written");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  constexpr mode_t readable_by_all = 0644;
  if (::fchmod(fd.get(), readable_by_all) != 0 || ::fsync(fd.get()) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    return failed("written");
  }
  return {};
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
