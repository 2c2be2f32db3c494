#include "gantry/system/teflon.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/base/text.h"

namespace gantry::system {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_library_bytes = std::size_t{256} << 20U;  // Debian's has 11 MB

struct Place {
  std::string_view folder;
  std::string_view origin;
};
constexpr std::array places = {
    Place{"/run/opengl-driver/lib", "NixOS's graphics drivers"},
    Place{"/usr/lib/teflon", "Debian's mesa-teflon-delegate"},
    Place{"/usr/lib/aarch64-linux-gnu/teflon", "multiarch folder"},
    Place{"/usr/lib/aarch64-linux-gnu", "multiarch folder"},
    Place{"/usr/lib/x86_64-linux-gnu/teflon", "multiarch folder"},
    Place{"/usr/lib/x86_64-linux-gnu", "multiarch folder"},
    Place{"/usr/lib64", "Fedora's and openSUSE's folder"},
    Place{"/usr/lib", "plain library folder"},
    Place{"/usr/local/lib/teflon", "built on this machine"},
    Place{"/usr/local/lib", "built on this machine"},
    Place{"/mesa-libs", "mounted into a container"},
};

bool contains(std::span<const std::byte> bytes, std::string_view text) {
  return ::memmem(bytes.data(), bytes.size(), text.data(), text.size()) != nullptr;
}

/// Whether `text` stands there as a whole string, with a NUL on either side.
bool contains_string(std::span<const std::byte> bytes, std::string_view text) {
  std::string whole(1, '\0');
  whole += text;
  whole += '\0';
  return contains(bytes, whole);
}

/// The first whole string that is a version of Mesa. The build puts PACKAGE_VERSION into the file
/// ("26.1.6-1" by Debian, "25.3.1" by Nix), without any word beside it; versions of other things
/// ("1.8.2") have a first number that no Mesa of this century's twenties has.
std::optional<MesaVersion> find_version(std::span<const std::byte> bytes) {
  const auto* const begin = reinterpret_cast<const char*>(bytes.data());
  const std::string_view text(begin, bytes.size());
  constexpr std::string_view digits = "0123456789";
  for (std::size_t at = text.find('\0'); at != std::string_view::npos; at = text.find('\0', at)) {
    ++at;
    // Nearly all strings are ruled out here, so that 11 MB are looked through in a blink.
    if (at + 6 > text.size() || !digits.contains(text[at]) || text[at + 2] != '.') {
      continue;
    }
    const std::size_t end = text.find('\0', at);
    if (end == std::string_view::npos || end - at > 64) {
      continue;
    }
    if (auto version = parse_mesa_version(text.substr(at, end - at))) {
      return version;
    }
  }
  return std::nullopt;
}

void examine(TeflonCandidate& candidate, const fs::path& file) {
  const auto mapped = MappedFile::open(file, most_library_bytes);
  if (!mapped) {
    candidate.state = TeflonCandidate::State::unreadable;
    return;
  }
  candidate.facts = library_facts(mapped->bytes());
  candidate.state = candidate.facts.is_elf && candidate.facts.has_entry_points
                        ? TeflonCandidate::State::found
                        : TeflonCandidate::State::no_library;
}

TeflonCandidate look(const Root& root, const fs::path& path, std::string_view origin) {
  TeflonCandidate candidate{.path = path, .origin = std::string(origin)};
  const Resolved at = root.resolve(path);
  candidate.resolved = at.path;
  if (at.exists) {
    examine(candidate, root.outside(at.path));
  } else if (at.through_link) {
    candidate.state = TeflonCandidate::State::dangling;
    candidate.missing = at.missing;
  } else if (!at.reason.empty()) {
    candidate.state = TeflonCandidate::State::unreadable;
  }
  return candidate;
}

}  // namespace

std::optional<MesaVersion> parse_mesa_version(std::string_view text) {
  MesaVersion version{.text = std::string(text)};
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string_view numbers = text.substr(0, end);
  const std::string_view rest = text.substr(end);
  if (!rest.empty() && rest.front() != '-' && rest.front() != '~' && rest.front() != '+' &&
      rest.front() != ' ') {
    return std::nullopt;
  }
  const std::array out = {&version.major, &version.minor, &version.patch};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t dot = numbers.find('.');
    const auto number = parse_int(numbers.substr(0, dot));
    if (!number || *number < 0 || *number > 99 || (i == 2) != (dot == std::string_view::npos)) {
      return std::nullopt;
    }
    *out[i] = static_cast<int>(*number);
    numbers.remove_prefix(dot == std::string_view::npos ? numbers.size() : dot + 1);
  }
  const bool is_mesa = version.major >= 18 && version.minor <= 3;  // one release a quarter
  return is_mesa ? std::optional(std::move(version)) : std::nullopt;
}

LibraryFacts library_facts(std::span<const std::byte> bytes) {
  LibraryFacts facts;
  constexpr std::size_t machine_at = 18;  // e_machine of the ELF header
  facts.is_elf = bytes.size() >= 64 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
  if (!facts.is_elf) {
    return facts;
  }
  std::memcpy(&facts.machine, bytes.data() + machine_at, sizeof(facts.machine));
  facts.has_entry_points = contains_string(bytes, "tflite_plugin_create_delegate") &&
                           contains_string(bytes, "tflite_plugin_destroy_delegate");
  facts.knows_rocket = contains_string(bytes, "rocket");
  facts.mesa = find_version(bytes);
  return facts;
}

const TeflonCandidate* TeflonSearch::first(TeflonCandidate::State state) const {
  const auto found = std::ranges::find(candidates, state, &TeflonCandidate::state);
  return found == candidates.end() ? nullptr : &*found;
}

bool TeflonSearch::fits(const TeflonCandidate& candidate) const {
  return candidate.state == TeflonCandidate::State::found &&
         (elf_machine == 0 || candidate.facts.machine == elf_machine);
}

const TeflonCandidate* TeflonSearch::found() const {
  const auto usable = std::ranges::find_if(
      candidates, [this](const TeflonCandidate& candidate) { return fits(candidate); });
  return usable == candidates.end() ? first(TeflonCandidate::State::found) : &*usable;
}

TeflonSearch find_teflon(const Root& root, const fs::path& wanted,
                         const std::function<std::vector<std::string>()>& system_closure,
                         std::uint16_t elf_machine) {
  TeflonSearch search{.candidates = {}, .is_explicit = false, .elf_machine = elf_machine};
  if (!wanted.empty()) {
    search.is_explicit = true;
    search.candidates.push_back(look(Root(), fs::absolute(wanted), "asked for"));
    return search;
  }
  for (const Place& place : places) {
    search.candidates.push_back(look(root, fs::path(place.folder) / "libteflon.so", place.origin));
  }
  const TeflonCandidate* const found = search.found();
  if ((found == nullptr || !search.fits(*found)) && system_closure) {
    for (const std::string& path : system_closure()) {
      // /nix/store/<hash>-mesa-25.3.1; others have no such file, and would only lengthen the list.
      if (path.contains("-mesa-")) {
        search.candidates.push_back(
            look(root, fs::path(path) / "lib/libteflon.so", "the system's closure"));
      }
    }
  }
  return search;
}

}  // namespace gantry::system
