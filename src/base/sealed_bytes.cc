#include "gantry/base/sealed_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "open_regular.h"
#include "write_whole.h"

namespace gantry {
namespace {

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

std::unexpected<Error> no_memory(std::size_t bytes, int error) {
  return fail(Code::unavailable,
              format_text("{} of memory: {}", human_bytes(bytes), errno_text(error)));
}

}  // namespace

struct SealedBytes::Mapping {
  Mapping(UniqueFd file, std::span<const std::byte> mapped) : fd(std::move(file)), bytes(mapped) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (!bytes.empty()) {
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): munmap's type; the memory is ours.
      ::munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
    }
  }
  UniqueFd fd;
  std::span<const std::byte> bytes;
};

std::span<const std::byte> SealedBytes::bytes() const noexcept {
  return mapping_ == nullptr ? std::span<const std::byte>() : mapping_->bytes;
}

int SealedBytes::fd() const noexcept { return mapping_ == nullptr ? -1 : mapping_->fd.get(); }

Result<UniqueFd> make_memory_file() {
  UniqueFd fd(memfd_create("gantry", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) {
    return fail(Code::unavailable, format_text("a file in memory: {}", errno_text(errno)));
  }
  return fd;
}

Result<> write_all(int fd, std::span<const std::byte> bytes) {
  if (const int error = write_whole(fd, bytes); error != 0) {
    return no_memory(bytes.size(), error);
  }
  return {};
}

namespace {

/// Whether the file is the same as when `before` was taken.
bool is_unchanged(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
         before.st_ctim.tv_sec == after.st_ctim.tv_sec &&
         before.st_ctim.tv_nsec == after.st_ctim.tv_nsec;
}

/// Whether the file was written to so lately that one more change could bear the same time.
bool is_fresh(const struct stat& status) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  constexpr nanoseconds kernel_tick = std::chrono::milliseconds(20);  // 10 ms where CONFIG_HZ=100
  const auto written = seconds(status.st_mtim.tv_sec) + nanoseconds(status.st_mtim.tv_nsec);
  const auto age = std::chrono::system_clock::now().time_since_epoch() - written;
  return age >= nanoseconds(0) && age < kernel_tick;
}

/// The file as it is now, into `memory`. Answers the number of bytes.
Result<std::size_t> read_into(int memory, const OpenFile& file, const std::filesystem::path& path) {
  // Pieces that stay in the processor's cache on their way.
  std::vector<std::byte> piece(std::min<std::size_t>(file.size, std::size_t{256} << 10U));
  std::size_t done = 0;
  while (done < file.size) {
    const ssize_t got = pread(file.fd.get(), piece.data(), std::min(piece.size(), file.size - done),
                              static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(Code::invalid_argument,
                  format_text("{}: can't be read: {}", path.string(), errno_text(errno)));
    }
    if (got == 0) {
      break;
    }
    if (auto written = write_all(memory, std::span(piece).first(static_cast<std::size_t>(got)));
        !written) {
      return fail(written.error().code,
                  format_text("{}: {}", path.string(), written.error().message));
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace

Result<SealedBytes> SealedBytes::read(const std::filesystem::path& path, std::size_t max_bytes) {
  constexpr int most_tries = 50;
  for (int i = 0; i < most_tries; ++i) {
    const auto file = open_regular(path, max_bytes);
    if (!file) {
      return std::unexpected(file.error());
    }
    struct stat before{};
    struct stat after{};
    fstat(file->fd.get(), &before);
    if (!is_fresh(before)) {
      auto memory = make_memory_file();
      if (!memory) {
        return std::unexpected(std::move(memory).error());
      }
      auto done = read_into(memory->get(), *file, path);
      if (!done) {
        return std::unexpected(std::move(done).error());
      }
      fstat(file->fd.get(), &after);
      if (is_unchanged(before, after) && *done == file->size) {
        return seal(*std::move(memory), max_bytes);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(Code::unavailable,
              format_text("{}: it changes while it is read: write a new version beside it and "
                          "rename that (mv)",
                          path.string()));
}

Result<SealedBytes> SealedBytes::copy(std::span<const std::byte> bytes) {
  auto memory = make_memory_file();
  if (!memory) {
    return std::unexpected(std::move(memory).error());
  }
  if (auto written = write_all(memory->get(), bytes); !written) {
    return std::unexpected(std::move(written).error());
  }
  return seal(*std::move(memory), bytes.size());
}

Result<SealedBytes> SealedBytes::seal(UniqueFd fd, std::size_t max_bytes) {
  if (fcntl(fd.get(), F_ADD_SEALS, seals) != 0) {
    return fail(Code::invalid_argument,
                format_text("memory that can't be sealed: {}", errno_text(errno)));
  }
  return adopt(std::move(fd), max_bytes);
}

Result<SealedBytes> SealedBytes::adopt(UniqueFd fd, std::size_t max_bytes) {
  struct stat status{};
  const int found = fd ? fcntl(fd.get(), F_GET_SEALS) : -1;  // -1 of what can have none
  if (found < 0 || (found & seals) != seals || fstat(fd.get(), &status) != 0) {
    return fail(Code::invalid_argument, "that is no sealed memory");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > max_bytes) {
    return fail(Code::out_of_range, format_text("want at most {}, found {}", human_bytes(max_bytes),
                                                human_bytes(size)));
  }
  std::span<const std::byte> bytes;
  if (size > 0) {
    void* const at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) {
      return no_memory(size, errno);
    }
    bytes = {static_cast<const std::byte*>(at), size};
  }
  return SealedBytes(std::make_shared<const Mapping>(std::move(fd), bytes));
}

}  // namespace gantry
