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

/// Bounds for any archive, whatever its headers say.
struct ArchiveLimits {
  std::uint64_t max_unpacked_bytes = std::uint64_t{4} << 30U;
  std::size_t max_members = 10'000;
};

/// Unpacks these members of a tar archive (plain or gzip) with libarchive.
///
/// No path from the archive is ever opened or created: names are compared with `Wanted::member`,
/// without a leading "./", and contents go to `Wanted::target`. The whole archive is read, so that
/// damage behind the members is noticed, too.
/// Errors: invalid_argument: not such an archive, damaged or cut; a wanted member is missing,
///         repeated, or not a regular file (a link, for example). out_of_range: above a limit; then
///         some targets may be written already.
[[nodiscard]] Result<> unpack(const std::filesystem::path& archive, std::span<const Wanted> wanted,
                              const ArchiveLimits& limits = {});

}  // namespace gantry::zoo
