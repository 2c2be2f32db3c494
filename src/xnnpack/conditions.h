#pragma once

#include "site.h"

// The conditions of the rules. They are called in the order of the table: each may rely on what the
// rules before it make sure of.
namespace gantry::xnnpack {

[[nodiscard]] Match no_such_operator(const Site& site);
[[nodiscard]] Match no_such_type(const Site& site);
[[nodiscard]] Match malformed(const Site& site);
[[nodiscard]] Match written_twice(const Site& site);
[[nodiscard]] Match parameter_computed(const Site& site);
[[nodiscard]] Match constant_operand(const Site& site);
[[nodiscard]] Match shape_unknown(const Site& site);
[[nodiscard]] Match mixed_types(const Site& site);
[[nodiscard]] Match constant_broken(const Site& site);
[[nodiscard]] Match quantization_missing(const Site& site);
[[nodiscard]] Match weights_unfit(const Site& site);
[[nodiscard]] Match option_unknown(const Site& site);
[[nodiscard]] Match result_differs(const Site& site);
[[nodiscard]] Match range_empty(const Site& site);
[[nodiscard]] Match scales_apart(const Site& site);
[[nodiscard]] Match quantization_changes(const Site& site);
[[nodiscard]] Match pool_partial(const Site& site);
[[nodiscard]] Match pool_window(const Site& site);
/// Never matches: this rule is about whole partitions, and choose() applies it.
[[nodiscard]] Match not_alone(const Site& site);

}  // namespace gantry::xnnpack
