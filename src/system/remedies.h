#pragma once

#include <vector>

#include "gantry/system/diagnosis.h"

// What to type, for each failure. It is kept apart from the checks, so that both are easy to read.
namespace gantry::system {

[[nodiscard]] std::vector<Remedy> newer_kernel();
[[nodiscard]] std::vector<Remedy> mainline_kernel_instead_of_vendors();
[[nodiscard]] std::vector<Remedy> load_driver();
[[nodiscard]] std::vector<Remedy> kernel_with_driver();
[[nodiscard]] std::vector<Remedy> enable_in_device_tree();
[[nodiscard]] std::vector<Remedy> find_out_why_no_core();
[[nodiscard]] std::vector<Remedy> device_into_container();
[[nodiscard]] std::vector<Remedy> make_node();
/// The node's mode lets nobody but root in.
[[nodiscard]] std::vector<Remedy> node_for_group();
/// The user is not in the node's group.
[[nodiscard]] std::vector<Remedy> user_into_group(const Survey& survey, const AccelNode& node);
[[nodiscard]] std::vector<Remedy> make_render_group();
[[nodiscard]] std::vector<Remedy> allow_in_container();
[[nodiscard]] std::vector<Remedy> install_library();
[[nodiscard]] std::vector<Remedy> library_into_container();
[[nodiscard]] std::vector<Remedy> nix_store_into_container();
[[nodiscard]] std::vector<Remedy> repair_link(const TeflonCandidate& candidate);
[[nodiscard]] std::vector<Remedy> newer_mesa();
[[nodiscard]] std::vector<Remedy> cool();

}  // namespace gantry::system
