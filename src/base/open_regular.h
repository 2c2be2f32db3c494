#pragma once

#include <cstddef>
#include <filesystem>

#include "gantry/base/error.h"
#include "gantry/base/unique_fd.h"

namespace gantry {

struct OpenFile {
  UniqueFd fd;
  std::size_t size = 0;
};
/// Errors: as read_file.
[[nodiscard]] Result<OpenFile> open_regular(const std::filesystem::path& path,
                                            std::size_t max_bytes);

}  // namespace gantry
