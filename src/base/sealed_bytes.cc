#include "gantry/base/sealed_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "open_regular.h"

namespace gantry {
namespace {

constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

std::unexpected<Error> no_memory(std::size_t bytes) {
  return fail(Code::unavailable,
              format_text("{} of memory: {}", human_bytes(bytes), errno_text(errno)));
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
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote <= 0) {
      return no_memory(bytes.size());
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<SealedBytes> SealedBytes::read(const std::filesystem::path& path, std::size_t max_bytes) {
  const auto file = open_regular(path, max_bytes);
  if (!file) {
    return std::unexpected(file.error());
  }
  auto memory = make_memory_file();
  if (!memory) {
    return std::unexpected(std::move(memory).error());
  }
  // Pieces that stay in the processor's cache on their way.
  std::vector<std::byte> piece(std::min<std::size_t>(file->size, std::size_t{256} << 10U));
  for (std::size_t done = 0; done < file->size;) {
    const ssize_t got =
        ::read(file->fd.get(), piece.data(), std::min(piece.size(), file->size - done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return fail(Code::invalid_argument,
                  format_text("{}: can't be read: {}", path.string(),
                              got < 0 ? errno_text(errno) : "it became shorter meanwhile"));
    }
    if (auto written =
            write_all(memory->get(), std::span(piece).first(static_cast<std::size_t>(got)));
        !written) {
      return fail(written.error().code,
                  format_text("{}: {}", path.string(), written.error().message));
    }
    done += static_cast<std::size_t>(got);
  }
  return seal(*std::move(memory), max_bytes);
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
      return no_memory(size);
    }
    bytes = {static_cast<const std::byte*>(at), size};
  }
  return SealedBytes(std::make_shared<const Mapping>(std::move(fd), bytes));
}

}  // namespace gantry
