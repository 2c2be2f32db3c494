#pragma once

#include <string>
#include <vector>

#include "gantry/cli/terminal.h"
#include "gantry/system/diagnosis.h"

namespace gantry::cli {

/// The results of `gantry doctor`.
struct DoctorReport {
  system::Survey survey;
  std::vector<system::Finding> findings;
  bool is_usable = false;
  std::string verdict;  ///< a sentence
};

/// For a person, findings first, the verdict last; remedies for this machine only.
[[nodiscard]] std::string to_text(const DoctorReport& report, Terminal terminal);
/// One JSON document, indented, with every remedy and the system that it is for.
[[nodiscard]] std::string to_json(const DoctorReport& report);

}  // namespace gantry::cli
