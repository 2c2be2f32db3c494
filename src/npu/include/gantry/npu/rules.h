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

// What the NPU's delegate (Mesa's Teflon with the rocket driver) makes of a graph. The rules are
// one table, read by `gantry inspect`, by the guard around the delegate and by this module's
// README.
namespace gantry::npu {

// The module speaks of graphs in graph/'s words.
using graph::Activation;
using graph::Graph;
using graph::Links;
using graph::Op;
using graph::Operator;
using graph::Padding;
using graph::Partition;
using graph::Tensor;

/// What becomes of an operator when the delegate is asked for it.
enum class Verdict : std::uint8_t {
  npu,    ///< it runs there, and right
  cpu,    ///< the delegate refuses it: it runs on the CPU, and right
  wrong,  ///< it runs there, and its result is wrong; nothing says so
  crash,  ///< the process ends, or never comes back
};
[[nodiscard]] std::string_view verdict_name(Verdict verdict) noexcept;

/// When a rule bites.
enum class Stage : std::uint8_t {
  prepare,  ///< while the delegate looks at the graph: for every operator of it, refused ones too
  accept,   ///< the driver's own check: what it refuses goes to the CPU
  compute,  ///< for what it has accepted
};

/// Where a rule is known from.
enum class Evidence : std::uint8_t {
  observed,  ///< the released library was seen doing so
  source,    ///< read in Mesa's source
  silicon,   ///< others measured it on the chip
  derived,   ///< follows from the other three, and was not tried by itself
};
[[nodiscard]] std::string_view evidence_name(Evidence evidence) noexcept;

class Site;
/// Empty where a rule does not apply; else what was found ("stride 2×1"), which may be nothing more
/// to say.
using Match = std::optional<std::string>;

struct Rule {
  std::string_view id;         ///< for machines: never changes its meaning
  std::string_view operators;  ///< that it is about, for people
  MesaVersion since;           ///< the first Mesa that does so
  MesaVersion before;          ///< the first that does so no more
  Stage stage;
  Verdict verdict;
  std::string_view reason;   ///< a sentence
  std::string_view change;   ///< what to do about it in the model; may be empty
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

/// What becomes of one operator.
struct Placement {
  Verdict alone = Verdict::npu;    ///< with the delegate on its own
  Verdict guarded = Verdict::npu;  ///< npu: offered to the delegate; else why it is not
  /// What keeps it off the NPU, the most serious first; none where `guarded` is npu.
  std::vector<Finding> findings;
  std::int32_t alone_partition = -1;  ///< index, -1: on the CPU
  std::int32_t guarded_partition = -1;
};

struct Classification {
  MesaVersion mesa;
  std::vector<Placement> operators;  ///< one for each of the graph's
  std::vector<Partition> alone;      ///< what the delegate on its own would take
  std::vector<Partition> guarded;    ///< what it is given by a guard that knows the table
  /// Of the whole model with the delegate on its own: crash if one operator crashes, else wrong if
  /// one is wrong, else npu or cpu.
  [[nodiscard]] Verdict alone_verdict() const noexcept;
};

/// Applies the table. Above the last known Mesa its rules are taken, below the first the first's;
/// unknown_mesa takes them all.
/// `among`: operators that the guard may give to the NPU at all, one flag for each; empty: all.
/// Threads: thread-safe.
[[nodiscard]] Classification classify(const Graph& graph, MesaVersion mesa,
                                      const std::vector<bool>& among = {});

}  // namespace gantry::npu
