#pragma once

#include "site.h"

// What the rules ask; each says what it found. They are asked in the order of the table, and trust
// what the rules before them make sure of.
namespace gantry::xnnpack {

[[nodiscard]] Found no_such_operator(const Site& site);
[[nodiscard]] Found no_such_type(const Site& site);
[[nodiscard]] Found malformed(const Site& site);
[[nodiscard]] Found written_twice(const Site& site);
[[nodiscard]] Found parameter_computed(const Site& site);
[[nodiscard]] Found constant_operand(const Site& site);
[[nodiscard]] Found shape_unknown(const Site& site);
[[nodiscard]] Found mixed_types(const Site& site);
[[nodiscard]] Found constant_broken(const Site& site);
[[nodiscard]] Found quantization_missing(const Site& site);
[[nodiscard]] Found weights_unfit(const Site& site);
[[nodiscard]] Found option_unknown(const Site& site);
[[nodiscard]] Found result_differs(const Site& site);
[[nodiscard]] Found range_empty(const Site& site);
[[nodiscard]] Found scales_apart(const Site& site);
[[nodiscard]] Found quantization_changes(const Site& site);
[[nodiscard]] Found pool_partial(const Site& site);
[[nodiscard]] Found pool_window(const Site& site);
/// Never: what it stands for is found out about whole partitions.
[[nodiscard]] Found not_alone(const Site& site);

}  // namespace gantry::xnnpack
