#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/graph/partition.h"
#include "gantry/npu/mesa.h"

// What the NPU's delegate (Mesa's Teflon with the rocket driver) does with a graph. The rules are
// one table. `gantry inspect`, the guard around the delegate and this module's README read it.
namespace gantry::npu {

// This module uses the types of graph/.
using graph::Activation;
using graph::Graph;
using graph::Links;
using graph::Op;
using graph::Operator;
using graph::Padding;
using graph::Partition;
using graph::Tensor;

/// What happens to an operator when it is offered to the delegate.
enum class Verdict : std::uint8_t {
  npu,    ///< it runs on the NPU, and its result is right
  cpu,    ///< the delegate refuses it: it runs on the CPU
  wrong,  ///< it runs on the NPU, and its result is wrong without an error
  crash,  ///< the process crashes or hangs
};
[[nodiscard]] std::string_view verdict_name(Verdict verdict) noexcept;

/// When a rule takes effect.
enum class Stage : std::uint8_t {
  /// While the delegate examines the graph: for every operator, also those that it refuses.
  prepare,
  accept,   ///< at the driver's own check: an operator that it refuses goes to the CPU
  compute,  ///< while the NPU computes an operator that was accepted
};

/// Where a rule is known from.
enum class Evidence : std::uint8_t {
  observed,  ///< seen with the released library
  source,    ///< read in Mesa's source
  silicon,   ///< measured on the chip by others
  derived,   ///< follows from the other three; not tried by itself
};
[[nodiscard]] std::string_view evidence_name(Evidence evidence) noexcept;

class Site;
/// What a rule says of an operator. Empty: the rule does not apply. Else the rule applies, and the
/// text is the detail of this operator ("stride 2×1"); the text may be "".
using Match = std::optional<std::string>;

struct Rule {
  std::string_view id;         ///< for machines: never changes its meaning
  std::string_view operators;  ///< the operators that it is about, for people
  MesaVersion since;           ///< the first Mesa that behaves so
  MesaVersion before;          ///< the first Mesa that no longer does
  Stage stage;
  Verdict verdict;
  std::string_view reason;   ///< a sentence
  std::string_view change;   ///< how to change the model; may be empty
  std::string_view section;  ///< of rocket-npu.md
  Evidence evidence;
  Match (*find)(const Site& site);

  [[nodiscard]] constexpr bool is_for(MesaVersion mesa) const {
    return mesa == unknown_mesa || (since <= mesa && mesa < before);
  }
};

/// `before` of a rule that the last known Mesa still needs.
inline constexpr MesaVersion no_end{999, 0};

/// The table.
[[nodiscard]] std::span<const Rule> rules();

/// A rule that applies to an operator.
struct Finding {
  const Rule* rule;
  std::string found;
};

/// What happens to one operator.
struct Placement {
  Verdict alone = Verdict::npu;    ///< with the delegate alone, without the guard
  Verdict guarded = Verdict::npu;  ///< npu: offered to the delegate; else why not
  /// The rules that keep it off the NPU, the most serious first; empty if `guarded` is npu.
  std::vector<Finding> findings;
  std::int32_t alone_partition = -1;  ///< index, -1: on the CPU
  std::int32_t guarded_partition = -1;
};

struct Classification {
  MesaVersion mesa;
  std::vector<Placement> operators;  ///< one for each of the graph's
  std::vector<Partition> alone;      ///< what the delegate takes without the guard
  std::vector<Partition> guarded;    ///< what the guard gives to it
  /// The verdict on the whole model with the delegate alone: crash if one operator crashes, else
  /// wrong if one is wrong, else npu or cpu.
  [[nodiscard]] Verdict alone_verdict() const noexcept;
};

/// Applies the table. A Mesa newer than the last known one is treated like the last, one older than
/// the first like the first. For unknown_mesa all rules apply. `among`: the operators that the
/// guard may give to the NPU, one flag for each; empty: all.
/// Threads: thread-safe.
[[nodiscard]] Classification classify(const Graph& graph, MesaVersion mesa,
                                      const std::vector<bool>& among = {});

}  // namespace gantry::npu
