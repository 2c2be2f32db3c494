#pragma once

#include "gantry/system/diagnosis.h"

// One pure function per check. diagnosis.cc calls them in order.
namespace gantry::system {

// diagnosis_device.cc: from the board to the node
[[nodiscard]] Finding check_board(const Survey& survey);
[[nodiscard]] Finding check_kernel(const Survey& survey);
[[nodiscard]] Finding check_driver(const Survey& survey);
[[nodiscard]] Finding check_cores(const Survey& survey);
[[nodiscard]] Finding check_log(const Survey& survey);
[[nodiscard]] Finding check_node(const Survey& survey);
[[nodiscard]] Finding check_access(const Survey& survey);
[[nodiscard]] Finding check_group(const Survey& survey);
[[nodiscard]] Finding check_clock(const Survey& survey);
[[nodiscard]] Finding check_temperature(const Survey& survey);
[[nodiscard]] Finding check_memory(const Survey& survey);

// diagnosis_library.cc: what comes from Mesa, and the container around it
[[nodiscard]] Finding check_container(const Survey& survey);
[[nodiscard]] Finding check_library(const Survey& survey);
[[nodiscard]] Finding check_mesa(const Survey& survey);
[[nodiscard]] Finding check_render_d180(const Survey& survey);

/// Whether the machine has no such NPU at all: then half of the checks have nothing to look at.
[[nodiscard]] bool is_without_npu(const Survey& survey);

}  // namespace gantry::system
