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
  skipped,  ///< not checked, with the reason
};
[[nodiscard]] std::string_view status_name(Status status) noexcept;

/// How to repair a failure, on one kind of system.
struct Remedy {
  std::string where;  ///< "Debian", "NixOS", "Kubernetes", "Docker, Podman"; "" is anywhere
  std::string text;   ///< commands or configuration, one or more lines, to be used as they are
};

/// The result of one check.
struct Finding {
  std::string id;     ///< for programs: "kernel", "access"
  std::string title;  ///< for people
  Status status = Status::skipped;
  std::string found = {};
  std::string wanted = {};
  std::string why = {};  ///< what the result means, if that is not obvious
  std::vector<Remedy> remedies = {};
};

/// Checks everything that a survey shows of a machine, from the processor upwards. Pure.
[[nodiscard]] std::vector<Finding> diagnose(const Survey& survey);

/// Whether one of the findings is a failure: then the NPU cannot be used.
[[nodiscard]] bool has_failure(std::span<const Finding> findings);
/// The finding of that id; null if there is none.
[[nodiscard]] const Finding* find(std::span<const Finding> findings, std::string_view id);

/// The remedies that fit the machine: those for its distribution or its container, or all remedies
/// if neither is known.
[[nodiscard]] std::vector<Remedy> fitting(const std::vector<Remedy>& remedies,
                                          const Survey& survey);

}  // namespace gantry::system
