#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gantry/system/root.h"

namespace gantry::system {

/// A Mesa version, such as "26.1.6" or Debian's "26.1.6-1".
struct MesaVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  std::string text;  ///< as the file has it

  friend std::strong_ordering operator<=>(const MesaVersion& a, const MesaVersion& b) {
    return std::tie(a.major, a.minor, a.patch) <=> std::tie(b.major, b.minor, b.patch);
  }
  friend bool operator==(const MesaVersion& a, const MesaVersion& b) { return std::is_eq(a <=> b); }
};
[[nodiscard]] std::optional<MesaVersion> parse_mesa_version(std::string_view text);

/// What the bytes of a supposed libteflon.so show.
struct LibraryFacts {
  bool is_elf = false;
  std::uint16_t machine = 0;  ///< in the ELF header: 62 is x86-64, 183 is aarch64
  bool has_entry_points = false;
  bool knows_rocket = false;
  std::optional<MesaVersion> mesa = {};
};
/// Reads the bytes of such a file. Threads: reentrant.
[[nodiscard]] LibraryFacts library_facts(std::span<const std::byte> bytes);

/// One place where libteflon.so was looked for.
struct TeflonCandidate {
  enum class State : std::uint8_t {
    absent,
    dangling,    ///< a link is there, its target is not
    unreadable,  ///< there, but not readable
    no_library,  ///< not an ELF file, or one without the delegate's entry points
    found,
  };
  std::filesystem::path path;  ///< where it was looked for, inside the tree
  std::string origin;          ///< "NixOS's graphics drivers", for people
  State state = State::absent;
  /// The path without links; for a dangling link, the path that it leads to.
  std::filesystem::path resolved = {};
  std::filesystem::path missing = {};  ///< for a dangling link: the first part that is missing
  LibraryFacts facts = {};             ///< if the state is `found`
};

struct TeflonSearch {
  std::vector<TeflonCandidate> candidates;  ///< in the order of the search, without repetitions
  bool is_explicit = false;                 ///< the user named the first candidate; no other counts
  std::uint16_t elf_machine = 0;            ///< the processor that the library is for; 0: any

  /// The library to use: the first one for that processor, else the first one for any processor.
  /// Null if there is none.
  [[nodiscard]] const TeflonCandidate* found() const;
  /// Whether the candidate is a library for that processor.
  [[nodiscard]] bool fits(const TeflonCandidate& candidate) const;
  /// The first candidate in the given state; null if there is none.
  [[nodiscard]] const TeflonCandidate* first(TeflonCandidate::State state) const;
};

/// Looks for libteflon.so, in this order: `wanted` (a path of this process' own file system, not of
/// `root`; if it is given, nothing else is looked at), /run/opengl-driver/lib, /usr/lib/teflon, the
/// multiarch folders, /mesa-libs, and the folders of `system_closure` that are Mesa's.
/// `system_closure` is called only if no library for this processor was found before, since it
/// starts a process (`nix-store -qR /run/current-system`). `elf_machine`: the wanted processor; 0:
/// any.
[[nodiscard]] TeflonSearch find_teflon(
    const Root& root, const std::filesystem::path& wanted = {},
    const std::function<std::vector<std::string>()>& system_closure = {},
    std::uint16_t elf_machine = 0);

}  // namespace gantry::system
