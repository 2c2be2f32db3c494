#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "gantry/system/survey.h"

namespace gantry::system::test {

/// A folder that stands for /, filled step by step and removed at the end. Paths are absolute paths
/// of the tree. Threads: thread-bound.
class MadeUpTree {
 public:
  MadeUpTree();
  MadeUpTree(const MadeUpTree&) = delete;
  MadeUpTree& operator=(const MadeUpTree&) = delete;
  ~MadeUpTree();

  MadeUpTree& file(const std::filesystem::path& path, std::string_view text);
  MadeUpTree& link(const std::filesystem::path& path, const std::filesystem::path& target);
  MadeUpTree& folder(const std::filesystem::path& path);
  MadeUpTree& remove(const std::filesystem::path& path);
  MadeUpTree& mode(const std::filesystem::path& path, unsigned bits);

  [[nodiscard]] Root root() const { return Root(folder_); }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }

  // Whole machines; each may be changed afterwards.

  /// A board with mainline's driver, three cores and a node for the group 105, render.
  MadeUpTree& board();
  /// Debian 14 on that board, Mesa 26.2 where Debian puts it.
  MadeUpTree& debian();
  /// NixOS on that board, Mesa in the store behind /run/opengl-driver.
  MadeUpTree& nixos();
  /// A container on that board, with /mesa-libs of a NixOS host.
  MadeUpTree& container_on_nixos();
  /// A core, as rocket binds it.
  MadeUpTree& core(const std::string& address);

 private:
  std::filesystem::path folder_;
};

/// The bytes of a library that looks like Teflon.
[[nodiscard]] std::string library_bytes(std::string_view mesa, std::uint16_t machine = elf_aarch64,
                                        std::string_view driver = "rocket");

/// A user in the group 105, and a user (alice) who is not in it.
[[nodiscard]] User member();
[[nodiscard]] User stranger();

/// A survey for aarch64. Nodes belong to root and group 105 in it: only root could set that in the
/// tree itself.
[[nodiscard]] Survey survey_of(const MadeUpTree& tree, SurveyOptions options);
[[nodiscard]] Survey survey_of(const MadeUpTree& tree, User user);

}  // namespace gantry::system::test
