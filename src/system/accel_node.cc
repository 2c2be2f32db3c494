#include <drm/drm.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "gantry/base/unique_fd.h"
#include "gantry/system/survey.h"

namespace gantry::system {

OpenedNode open_accel_node(const std::filesystem::path& node) {
  const UniqueFd file(::open(node.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    return {.error = errno, .driver = {}};
  }
  std::array<char, 64> name{};
  drm_version version{};
  version.name = name.data();
  version.name_len = name.size() - 1;  // what the kernel may write
  if (::ioctl(file.get(), DRM_IOCTL_VERSION, &version) != 0) {
    return {};
  }
  return {.error = 0, .driver = name.data()};
}

}  // namespace gantry::system
