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
// returns OK says nothing of that.
namespace gantry::proof {

/// Test inputs that everything here is compared on. Two, so that a device which computes nothing
/// and leaves its last result cannot be right by chance.
inline constexpr std::size_t input_count = 2;

/// The model's outputs for each of the test inputs: [input][output] → bytes.
using Outputs = std::vector<std::vector<std::vector<std::byte>>>;
/// As bytes, for another process of this machine, and back. Errors: invalid_argument.
[[nodiscard]] std::vector<std::byte> to_bytes(const Outputs& outputs);
[[nodiscard]] Result<Outputs> outputs_from(std::span<const std::byte> bytes);

/// A tensor that was compared.
struct Boundary {
  std::string name;
  std::int64_t largest = 0;  ///< difference in steps, over all test inputs
  std::int64_t allowed = 0;
  bool is_right = true;   ///< off by no more than rounding explains
  bool is_gross = false;  ///< most elements are off by more than allowed
};

struct Report {
  bool passed = false;
  std::size_t operators = 0;  ///< of the model
  std::size_t delegated = 0;  ///< of them
  std::size_t partitions = 0;
  std::vector<Boundary> boundaries;  ///< in the order of execution, the model's outputs last
  /// Difference at a partition's output; where partitions were looked at alone, at theirs.
  std::int64_t largest = 0;
  /// Steps that the errors of several partitions added up to, where that is more than one by itself
  /// may be off; else 0.
  std::int64_t added_up = 0;
  Outputs outputs;  ///< the device's; what a slot is held to later
  /// Without `passed`: the first operator whose result is wrong, by its index; -1 where that was
  /// not found out.
  std::int32_t first_wrong = -1;
  /// "largest difference 2 steps at 1 partition output", or what went wrong.
  std::string words;
};

/// Makes a delegate of its own for one session, to be offered these operators.
using MakeDelegation = std::function<Result<tflite::Delegation>(std::vector<bool> offered)>;

/// Of these operators, those that the device computes right where only they are offered.
using MayOffer = std::function<std::vector<bool>(const std::vector<bool>& these)>;

struct ProveOptions {
  MayOffer may_offer = {};  ///< empty: any operators may be offered alone
  /// Told of a report that did not pass before the first wrong operator is searched for.
  std::function<void(const Report&)> on_wrong = {};
  /// Test inputs, 1 to input_count. One is enough for kernels in this process: no earlier result is
  /// theirs to leave, and an input reaches every weight.
  std::size_t inputs = input_count;
};

/// Runs the model with the delegate and without on the test inputs, and compares each partition's
/// outputs and the model's outputs. Where they differ by more than allowed_steps(), pieces of at
/// most eight operators are offered alone: their inputs are then the CPU's, so that only their own
/// errors show. (Behind the fifty operators of MobileNet V2 correct ones add up to 81 steps.) If
/// all are right by themselves and the whole is not grossly off, the model is right.
/// Else looks in the first wrong piece for the first wrong operator by offering fewer and fewer of
/// them, which may crash.
///
/// Whatever the library does (crash, hang) is done here: call it in a process of its own.
/// Errors: those of read_graph, of the delegate and of TensorFlow Lite. A wrong result is a report.
[[nodiscard]] Result<Report> prove(std::span<const std::byte> model,
                                   const std::vector<bool>& offered,
                                   const MakeDelegation& make_delegation,
                                   const ProveOptions& options = {});

}  // namespace gantry::proof
