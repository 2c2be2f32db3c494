#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/graph/graph.h"
#include "gantry/tflite/delegate.h"

// Whether a delegate's device computes a model as TensorFlow Lite's own kernels do. An Invoke that
// returns OK does not say so.
namespace gantry::proof {

/// The number of test inputs that a proof compares on. Two inputs show a device that computes
/// nothing and leaves its last result in place.
inline constexpr std::size_t input_count = 2;

/// The model's outputs for each of the test inputs: [input][output] → bytes.
using Outputs = std::vector<std::vector<std::vector<std::byte>>>;
/// Outputs as bytes for another process of this machine, and the way back. Errors of the way back:
/// invalid_argument.
[[nodiscard]] std::vector<std::byte> to_bytes(const Outputs& outputs);
[[nodiscard]] Result<Outputs> outputs_from(std::span<const std::byte> bytes);

/// A tensor that was compared.
struct Boundary {
  std::string name;
  std::int64_t largest = 0;  ///< difference in steps, over all test inputs
  std::int64_t allowed = 0;
  bool is_right = true;   ///< Difference::is_rounding() on every test input
  bool is_gross = false;  ///< Difference::is_gross() on at least one test input
};

struct Report {
  bool passed = false;
  std::size_t operators = 0;  ///< of the model
  std::size_t delegated = 0;  ///< operators that the delegate took
  std::size_t partitions = 0;
  std::vector<Boundary> boundaries;  ///< in the order of execution, the model's outputs last
  /// The largest difference at a partition's output, in steps. If the model passed piece by piece
  /// (see prove()), the largest difference at a piece's output.
  std::int64_t largest = 0;
  /// If the model passed piece by piece: the largest difference at a partition's output when the
  /// whole model ran, in steps. There the errors of all pieces add up. Else 0.
  std::int64_t added_up = 0;
  Outputs outputs;  ///< the device's results; a slot must give the same ones later
  /// If not `passed`: the index of the first operator whose result is wrong; -1 if the search did
  /// not find it.
  std::int32_t first_wrong = -1;
  /// "largest difference 2 steps at 1 partition output", or what is wrong.
  std::string words;
};

/// Makes the delegation of one session. `offered`: the operators to offer, one flag for each.
using MakeDelegation = std::function<Result<tflite::Delegation>(std::vector<bool> offered)>;

/// Chooses from `these` the operators to offer when no others may be offered: the device must
/// compute them right without the others. One flag for each operator of the model, in and out.
using MayOffer = std::function<std::vector<bool>(const std::vector<bool>& these)>;

struct ProveOptions {
  MayOffer may_offer = {};  ///< empty: `these` may always be offered
  /// Called with a report that did not pass, before the search for the first wrong operator.
  std::function<void(const Report&)> on_wrong = {};
  /// How many test inputs to run, 1 to input_count. One is enough for kernels in this process: they
  /// cannot leave an earlier result in place, and one input reaches every weight.
  std::size_t inputs = input_count;
};

/// Runs the model on the test inputs, with the delegate and without. Compares each partition's
/// outputs and the model's outputs. The model passes if rounding explains all differences
/// (allowed_steps(), Difference::is_rounding()).
///
/// Else it is looked at piece by piece. Pieces of at most eight operators are offered one at a
/// time. The inputs of a piece are then computed by the CPU, so that only the piece's own errors
/// show: the small errors of the fifty operators of MobileNet V2 add up to 81 steps. The model
/// passes if all pieces are right and the whole is not grossly off.
///
/// Else the first wrong operator is searched for in the first wrong piece, or in the whole if no
/// piece is wrong. The search offers fewer and fewer operators. That may crash.
///
/// The library may crash or hang in this call: make it in a process of its own.
/// Errors: those of read_graph, of the delegate and of TensorFlow Lite. A wrong result is not an
///         error: the report says so.
[[nodiscard]] Result<Report> prove(std::span<const std::byte> model,
                                   const std::vector<bool>& offered,
                                   const MakeDelegation& make_delegation,
                                   const ProveOptions& options = {});

}  // namespace gantry::proof
