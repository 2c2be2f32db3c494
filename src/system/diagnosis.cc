#include "gantry/system/diagnosis.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "checks.h"

namespace gantry::system {

std::string_view status_name(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::warning:
      return "warning";
    case Status::failure:
      return "failure";
    case Status::skipped:
      return "skipped";
  }
  return "";
}

std::vector<Finding> diagnose(const Survey& survey) {
  constexpr std::array checks = {check_board,       check_kernel,  check_driver,     check_cores,
                                 check_log,         check_node,    check_access,     check_group,
                                 check_container,   check_library, check_mesa,       check_clock,
                                 check_temperature, check_memory,  check_render_d180};
  std::vector<Finding> findings;
  std::ranges::transform(checks, std::back_inserter(findings),
                         [&](const auto check) { return check(survey); });
  return findings;
}

bool has_failure(std::span<const Finding> findings) {
  return std::ranges::contains(findings, Status::failure, &Finding::status);
}

const Finding* find(std::span<const Finding> findings, std::string_view id) {
  const auto found = std::ranges::find(findings, id, &Finding::id);
  return found == findings.end() ? nullptr : &*found;
}

std::vector<Remedy> fitting(const std::vector<Remedy>& remedies, const Survey& survey) {
  const auto fits = [&](const Remedy& remedy) {
    if (remedy.where.empty()) {
      return true;
    }
    const bool is_for_container = remedy.where == "Kubernetes" || remedy.where.contains("Docker");
    if (survey.container.is_container()) {
      return survey.container.kind == "kubernetes" ? remedy.where == "Kubernetes"
                                                   : remedy.where.contains("Docker");
    }
    return !is_for_container && (remedy.where == "NixOS") == survey.distribution.is_nixos();
  };
  std::vector<Remedy> out;
  std::ranges::copy_if(remedies, std::back_inserter(out), fits);
  const bool is_known = survey.container.is_container() || !survey.distribution.id.empty();
  // In a container, what has to be done on its host may be all there is.
  return out.empty() || !is_known ? remedies : out;
}

}  // namespace gantry::system
