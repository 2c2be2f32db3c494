// zoo::unpack on any bytes: it comes back within its bounds, and nothing is made but its target.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "gantry/base/format.h"
#include "gantry/base/unique_fd.h"
#include "unpack.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const gantry::UniqueFd archive(memfd_create("archive", MFD_CLOEXEC));
  if (!archive || ::write(archive.get(), data, size) != static_cast<ssize_t>(size)) {
    return 0;
  }
  const std::array wanted = {
      gantry::zoo::Wanted{
          .member = "model.tflite", .target = "/dev/null", .max_bytes = std::uint64_t{1} << 20U},
      gantry::zoo::Wanted{.member = "labels.txt", .target = "/dev/null", .max_bytes = 1000}};
  std::ignore =
      gantry::zoo::unpack(gantry::format_text("/proc/self/fd/{}", archive.get()), wanted,
                          {.max_unpacked_bytes = std::uint64_t{4} << 20U, .max_members = 100});
  return 0;
}
