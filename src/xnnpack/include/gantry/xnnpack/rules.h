#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/graph/partition.h"

// Which operators of a graph XNNPACK computes. There are two tables: the operators that XNNPACK
// has, with their types, and the rules that keep an operator away from XNNPACK. The delegate,
// `gantry inspect` and this module's README read them. Nothing here needs the library.
namespace gantry::xnnpack {

/// The type that an operator computes with; the bits of Kind::types.
enum class Type : std::uint8_t {
  float32 = 1,
  uint8 = 2,          ///< quantised, one scale for each tensor
  int8 = 4,           ///< int8, quantised, one scale for each tensor
  int8_channels = 8,  ///< int8 with weights that have a scale for each channel
};

/// An operator that XNNPACK has.
struct Kind {
  graph::Op op;
  std::string_view name;    ///< TensorFlow Lite's
  std::uint8_t types;       ///< of Type
  std::uint8_t parameters;  ///< a bit for each input that must be a constant of the model
  std::uint8_t min_inputs;
  std::uint8_t max_inputs;
  /// Worth passing tensors to XNNPACK and back for. An operator that is not is taken only in a
  /// partition with one that is.
  bool worth;
};

struct Site;
/// What a rule says of an operator. Empty: the rule does not apply. Else the rule applies, and the
/// text is the detail of this operator; the text may be "".
using Match = std::optional<std::string>;

/// What keeps an operator with TensorFlow Lite.
struct Rule {
  std::string_view id;         ///< for machines: never changes its meaning
  std::string_view operators;  ///< the operators that it is about, for people
  std::string_view types;      ///< the types that it is about, for people
  std::string_view reason;     ///< a sentence
  Match (*find)(const Site& site);
};

/// The tables. For each operator, the first rule that applies is reported.
[[nodiscard]] std::span<const Kind> kinds();
[[nodiscard]] std::span<const Rule> rules();

/// What happens to one operator.
struct Decision {
  const Rule* rule = nullptr;  ///< what keeps it with TensorFlow Lite; null: XNNPACK computes it
  std::string found;
  std::int32_t partition = -1;  ///< index in Choice::partitions; -1: none
};

struct Choice {
  std::vector<Decision> operators;  ///< one for each of the graph's
  std::vector<graph::Partition> partitions;
  [[nodiscard]] std::vector<bool> taken() const;
  [[nodiscard]] std::size_t taken_count() const noexcept;
};

/// Applies the tables. `offered`: which operators may be taken, one flag for each; empty: all.
/// XNNPACK computes the operators that are taken with the shapes of the graph, and nothing in them
/// makes XNNPACK end the process.
/// Threads: thread-safe.
[[nodiscard]] Choice choose(const graph::Graph& graph, const std::vector<bool>& offered = {});

}  // namespace gantry::xnnpack
