#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/graph/graph.h"
#include "gantry/graph/partition.h"

// What of a graph XNNPACK computes. Two tables: which operators it has for which numbers, and what
// speaks against one of them. They are read by whoever gives it operators, by `gantry inspect` and
// by this module's README. Nothing here needs the library.
namespace gantry::xnnpack {

/// How an operator computes; the bits of Kind::types.
enum class Type : std::uint8_t {
  float32 = 1,
  uint8 = 2,          ///< quantised, one scale for each tensor
  int8 = 4,           ///< the same
  int8_channels = 8,  ///< int8 with weights that have a scale for each channel
};

/// An operator that XNNPACK has.
struct Kind {
  graph::Op op;
  std::string_view name;    ///< TensorFlow Lite's
  std::uint8_t types;       ///< of Type
  std::uint8_t parameters;  ///< a bit for each input that has to be a constant of the model
  std::uint8_t min_inputs;
  std::uint8_t max_inputs;
  /// Worth two crossings of the border by itself. Others are taken beside such a one only.
  bool worth;
};

struct Site;
/// Empty where a rule does not apply; else what was found, which may be nothing more to say.
using Match = std::optional<std::string>;

/// What keeps an operator with TensorFlow Lite.
struct Rule {
  std::string_view id;         ///< for machines: never changes its meaning
  std::string_view operators;  ///< that it is about, for people
  std::string_view types;      ///< the same
  std::string_view reason;     ///< a sentence
  Match (*find)(const Site& site);
};

/// The tables. Of the rules the first that applies is told.
[[nodiscard]] std::span<const Kind> kinds();
[[nodiscard]] std::span<const Rule> rules();

/// What becomes of one operator.
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

/// Applies the tables. `offered`: operators that may be taken at all, by index; empty: all.
/// What it takes, XNNPACK computes with shapes that are those of the graph, and never with anything
/// that would end the process.
/// Threads: thread-safe.
[[nodiscard]] Choice choose(const graph::Graph& graph, const std::vector<bool>& offered = {});

}  // namespace gantry::xnnpack
