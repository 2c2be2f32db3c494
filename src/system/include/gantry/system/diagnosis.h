#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/system/survey.h"

namespace gantry::system {

enum class Status : std::uint8_t {
  ok,
  warning,  ///< the NPU works, but not as well as it could
  failure,  ///< the NPU cannot be used
  skipped,  ///< not asked, with the reason
};
[[nodiscard]] std::string_view status_name(Status status) noexcept;

/// What mends a failure, on one kind of system.
struct Remedy {
  std::string where;  ///< "Debian", "NixOS", "Kubernetes", "Docker, Podman"; "" is anywhere
  std::string text;   ///< commands or configuration, one or more lines, to be typed as they are
};

/// One thing that was looked at.
struct Finding {
  std::string id;     ///< for programs: "kernel", "access"
  std::string title;  ///< for people
  Status status = Status::skipped;
  std::string found = {};
  std::string wanted = {};
  std::string why = {};  ///< what that means, where it does not speak for itself
  std::vector<Remedy> remedies = {};
};

/// All that can be said of a machine that was surveyed, from the processor up. Pure.
[[nodiscard]] std::vector<Finding> diagnose(const Survey& survey);

/// Whether nothing stands between these findings and a usable NPU.
[[nodiscard]] bool has_failure(std::span<const Finding> findings);
/// The finding of that id; null if there is none.
[[nodiscard]] const Finding* find(std::span<const Finding> findings, std::string_view id);

/// Which of the remedies fit the machine itself: those for its distribution or its container, or
/// all of them where neither is known.
[[nodiscard]] std::vector<Remedy> fitting(const std::vector<Remedy>& remedies,
                                          const Survey& survey);

}  // namespace gantry::system
