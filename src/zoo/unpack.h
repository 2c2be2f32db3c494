#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "gantry/base/error.h"

namespace gantry::zoo {

/// A member of an archive and the file it goes to.
struct Wanted {
  std::string member;
  std::filesystem::path target;
  std::uint64_t max_bytes;
};

/// Bounds that hold whatever an archive says of itself.
struct ArchiveLimits {
  std::uint64_t max_unpacked_bytes = std::uint64_t{4} << 30U;
  std::size_t max_members = 10'000;
};

/// Takes these members out of a tar archive (plain or gzip) with libarchive.
///
/// No path from the archive is ever opened or created: names are compared with `Wanted::member`, a
/// leading "./" aside, and contents go to `Wanted::target`. The whole archive is read, so that
/// damage behind the members is seen, too.
/// Errors: invalid_argument: no such archive, damaged or cut; a wanted member is missing, there
///         twice, or a link or anything else but a regular file.
///         out_of_range: a limit was passed. Targets may then be there in part.
[[nodiscard]] Result<> unpack(const std::filesystem::path& archive, std::span<const Wanted> wanted,
                              const ArchiveLimits& limits = {});

}  // namespace gantry::zoo
