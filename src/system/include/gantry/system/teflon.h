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

/// "26.1.6", and Debian's "26.1.6-1" whole.
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

/// What a file that should be libteflon.so says of itself.
struct LibraryFacts {
  bool is_elf = false;
  std::uint16_t machine = 0;  ///< of the ELF header: 62 is x86-64, 183 is aarch64
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
    unreadable,  ///< there, and not to be read
    no_library,  ///< no ELF file, or without the delegate's entry points
    found,
  };
  std::filesystem::path path;  ///< where it was looked for, as the tree names it
  std::string origin;          ///< "NixOS's graphics drivers", for people
  State state = State::absent;
  std::filesystem::path resolved = {};  ///< without links; of a dangling one: where it leads to
  std::filesystem::path missing = {};   ///< of a dangling one: the first part that is not there
  LibraryFacts facts = {};              ///< of one that is found
};

struct TeflonSearch {
  std::vector<TeflonCandidate> candidates;  ///< in the order of the search, without repetitions
  bool is_explicit = false;                 ///< the first one was asked for; no other counts
  std::uint16_t elf_machine = 0;            ///< the processor it was looked for; 0: any

  /// The first library for that processor, the one to use; where there is none, the first for any.
  [[nodiscard]] const TeflonCandidate* found() const;
  /// Whether it is a library for that processor.
  [[nodiscard]] bool fits(const TeflonCandidate& candidate) const;
  /// The first one in the given state.
  [[nodiscard]] const TeflonCandidate* first(TeflonCandidate::State state) const;
};

/// Looks for libteflon.so, in this order: `wanted` (a path of this process' file system, whatever
/// the root; then nothing else is looked at), /run/opengl-driver/lib, /usr/lib/teflon, the
/// multiarch folders, /mesa-libs, and the folders of `system_closure` that are Mesa's. That one is
/// asked only where nothing for this processor was found before, since the answer takes a process
/// (`nix-store -qR /run/current-system`). `elf_machine`: libraries for another processor are left
/// aside, as long as there is one for this; 0: any will do.
[[nodiscard]] TeflonSearch find_teflon(
    const Root& root, const std::filesystem::path& wanted = {},
    const std::function<std::vector<std::string>()>& system_closure = {},
    std::uint16_t elf_machine = 0);

}  // namespace gantry::system
