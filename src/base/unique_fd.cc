#include "gantry/base/unique_fd.h"

#include <unistd.h>

namespace gantry {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset(other.release());
  }
  return *this;
}

void UniqueFd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) {
    // A failed close has freed the descriptor all the same (Linux); retrying could close another's.
    ::close(old);
  }
}

}  // namespace gantry
