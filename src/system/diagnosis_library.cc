#include <algorithm>
#include <string>
#include <utility>

#include "checks.h"
#include "gantry/base/format.h"
#include "remedies.h"

namespace gantry::system {
namespace {

/// Releases of Mesa, year and quarter.
using Release = std::pair<int, int>;
constexpr Release first_with_rocket{25, 3};
/// ADD in closed form and whole weights for layers of 17 to 31 channels, both in June 2026.
constexpr Release first_mended{26, 2};

Release release_of(const MesaVersion& version) { return {version.major, version.minor}; }

std::string machine_name(std::uint16_t machine) {
  if (machine == elf_aarch64) {
    return "aarch64";
  }
  return machine == elf_x86_64 ? "x86-64" : format_text("processor {} of the ELF list", machine);
}

/// The link that leads to nowhere because the Nix store is not there.
bool lacks_nix_store(const TeflonCandidate& candidate) {
  return candidate.resolved.string().starts_with("/nix/store/") &&
         (candidate.missing == "/nix" || candidate.missing == "/nix/store");
}

/// What is missing in the container, for people: "/nix/store", "/dev/accel/accel0".
std::vector<std::string> missing_mounts(const Survey& survey) {
  std::vector<std::string> out;
  const AccelNode* const node = survey.npu();
  if (node == nullptr || !node->in_dev) {
    out.emplace_back(node == nullptr ? "/dev/accel/accel0" : node->path.string());
  }
  if (survey.teflon.found() == nullptr) {
    const auto* const dangling = survey.teflon.first(TeflonCandidate::State::dangling);
    if (dangling == nullptr) {
      out.emplace_back("a folder with libteflon.so (/mesa-libs)");
    } else if (lacks_nix_store(*dangling)) {
      out.emplace_back("/nix/store");
    }
  }
  return out;
}

void explain_dangling(Finding& finding, const Survey& survey, const TeflonCandidate& candidate) {
  finding.found = format_text("{} leads to {}, which is not there", candidate.path.string(),
                              candidate.resolved.string());
  if (!lacks_nix_store(candidate)) {
    finding.why = format_text(
        "{} is missing: the link was left behind, or what it leads to is not "
        "mounted here.",
        candidate.missing.string());
    finding.remedies =
        survey.container.is_container() ? library_into_container() : repair_link(candidate);
    return;
  }
  finding.why =
      "`/nix/store` is not mounted: NixOS keeps every library there, and the folder that was "
      "mounted "
      "holds links to it.";
  finding.remedies = nix_store_into_container();
}

}  // namespace

Finding check_container(const Survey& survey) {
  Finding finding{.id = "container",
                  .title = "Container",
                  .wanted = "none, or one that was given the device and Mesa's library"};
  if (!survey.container.is_container()) {
    finding.status = Status::ok;
    finding.found = "none";
    return finding;
  }
  finding.found = survey.container.kind;
  if (is_without_npu(survey) && survey.teflon.found() == nullptr) {
    finding.why = "this machine has no RK3588";
    return finding;
  }
  const auto missing = missing_mounts(survey);
  for (const std::string& path : missing) {
    finding.found += (&path == &missing.front() ? "; not mounted: " : ", ") + path;
  }
  finding.status = missing.empty() ? Status::ok : Status::failure;
  if (!missing.empty()) {
    finding.why = "The findings beside this one say how.";
  }
  return finding;
}

Finding check_library(const Survey& survey) {
  Finding finding{
      .id = "library",
      .title = "libteflon.so",
      .wanted = "Mesa's TensorFlow Lite delegate, for " + machine_name(survey.elf_machine)};
  using State = TeflonCandidate::State;
  if (const TeflonCandidate* const found = survey.teflon.found()) {
    finding.found = found->path.string();
    if (found->resolved != found->path) {
      finding.found += " → " + found->resolved.string();
    }
    finding.status = Status::ok;
    if (found->facts.machine != survey.elf_machine) {
      finding.status = Status::failure;
      finding.found += ", for " + machine_name(found->facts.machine);
      finding.why = "A program can load only libraries for its own processor.";
      finding.remedies = install_library();
    }
    return finding;
  }
  if (const auto* const dangling = survey.teflon.first(State::dangling)) {
    finding.status = Status::failure;
    explain_dangling(finding, survey, *dangling);
    return finding;
  }
  finding.remedies = survey.container.is_container() ? library_into_container() : install_library();
  for (const State state : {State::unreadable, State::no_library}) {
    if (const auto* const bad = survey.teflon.first(state)) {
      finding.status = Status::failure;
      finding.found =
          format_text("{} {}", bad->path.string(),
                      state == State::unreadable ? "is there, but this user cannot read it"
                                                 : "is no TensorFlow Lite delegate");
      return finding;
    }
  }
  if (survey.teflon.is_explicit) {
    finding.status = Status::failure;
    finding.found = survey.teflon.candidates.front().path.string() + " is not there";
    finding.why = "It was asked for by name, so nothing else was looked at.";
    return finding;
  }
  finding.found = "none";
  finding.why = "Looked for in";
  for (const TeflonCandidate& candidate : survey.teflon.candidates) {
    finding.why += (candidate.path == survey.teflon.candidates.front().path ? " " : ", ") +
                   candidate.path.parent_path().string();
  }
  finding.why += ".";
  // Debian builds it for arm64 only: nothing to mend where there is no NPU.
  finding.status = is_without_npu(survey) ? Status::skipped : Status::failure;
  if (finding.status == Status::skipped) {
    finding.remedies.clear();
  }
  return finding;
}

Finding check_mesa(const Survey& survey) {
  Finding finding{.id = "mesa", .title = "Mesa", .wanted = "26.2 or newer; 25.3 at least"};
  const TeflonCandidate* const library = survey.teflon.found();
  if (library == nullptr) {
    finding.why = "there is no libteflon.so to read it from";
    return finding;
  }
  const auto& version = library->facts.mesa;
  finding.found = version ? version->text : "version unknown";
  const bool is_old =
      version ? release_of(*version) < first_with_rocket : !library->facts.knows_rocket;
  if (is_old || !library->facts.knows_rocket) {
    finding.status = Status::failure;
    finding.found += ", without rocket";
    finding.why =
        "The NPU's driver came into Mesa with 25.3; an older Teflon, or one built without it, says "
        "\"Couldn't open kernel device\".";
    finding.remedies = newer_mesa();
  } else if (!version) {
    finding.status = Status::warning;
    finding.why = "The file has rocket, but no version that could be read.";
  } else if (release_of(*version) < first_mended) {
    finding.status = Status::warning;
    finding.why =
        "Mesa before 26.2 computes some layers wrongly without a word: ADD, and widths of 17 to 31 "
        "channels. MobileNetV1 is right, MobileNetV2 is not.";
    finding.remedies = newer_mesa();
  } else {
    finding.status = Status::ok;
  }
  return finding;
}

Finding check_render_d180(const Survey& survey) {
  return {.id = "renderD180",
          .title = "/dev/dri/renderD180",
          .status = Status::ok,
          .found = survey.render_d180 ? "a link to " + *survey.render_d180 : "not there",
          .wanted = "nothing",
          .why = survey.render_d180
                     ? "Not needed, and harmless: Mesa looks at /dev/accel itself since 25.3."
                     : "Not needed: Mesa looks at /dev/accel itself since 25.3. Recipes that make "
                       "this link "
                       "are older.",
          .remedies = {}};
}

}  // namespace gantry::system
