#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::system {

/// Where a path of the tree leads after its symbolic links are followed.
struct Resolved {
  /// The path as far as it could be followed; absolute, inside the tree.
  std::filesystem::path path;
  bool exists = false;
  bool through_link = false;  ///< a symbolic link was followed
  /// If not `exists`: the first part of `path` that is missing, and why ("", or the system's
  /// reason, such as "Permission denied").
  std::filesystem::path missing = {};
  std::string reason = {};
};

/// A folder that stands for /: the machine itself, or a made-up tree. All its functions take
/// absolute paths inside the tree. Symbolic links are followed inside the tree. Threads:
/// thread-safe.
class Root {
 public:
  explicit Root(std::filesystem::path folder = "/");

  /// Whether this is the machine itself.
  [[nodiscard]] bool is_real() const noexcept { return is_real_; }
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

  [[nodiscard]] Resolved resolve(const std::filesystem::path& path) const;
  [[nodiscard]] bool exists(const std::filesystem::path& path) const;
  /// The target of a symbolic link; empty if the path is not a symbolic link.
  [[nodiscard]] std::filesystem::path link_target(const std::filesystem::path& path) const;
  /// The path of our own file system for a path of the tree; links are not followed.
  [[nodiscard]] std::filesystem::path outside(const std::filesystem::path& path) const;

  /// The first `most` bytes of a file at most; empty if the file is missing or not readable.
  [[nodiscard]] std::optional<std::string> read(const std::filesystem::path& path,
                                                std::size_t most = 65536) const;
  /// read() without the blanks, line feeds and NULs at its end; "" if there is nothing to read.
  [[nodiscard]] std::string line(const std::filesystem::path& path) const;
  /// The number that a file of /sys holds.
  [[nodiscard]] std::optional<double> number(const std::filesystem::path& path) const;
  /// Names in a folder, sorted as people count (accel2 before accel10); none if there is no folder.
  [[nodiscard]] std::vector<std::string> names(const std::filesystem::path& folder) const;

 private:
  std::filesystem::path folder_;
  bool is_real_;
};

}  // namespace gantry::system
