#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/tensor/tensor.h"

// The messages between parent and child, one per packet, in the machine's byte order:
//
//   child                                parent
//     Hello (or Failure, and ends)  ──▶
//                                   ◀──  Memory, with its descriptor
//     Ready                         ──▶
//                                   ◀──  Invoke     ┐ again and again
//     Answer                        ──▶             ┘
namespace gantry::worker {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::size_t most_details_bytes = std::size_t{64} << 10U;
/// Bytes of an error message or of a tensor's name.
inline constexpr std::size_t most_text_bytes = 4096;
inline constexpr std::size_t most_tensors = 256;  ///< most inputs, and most outputs
inline constexpr std::size_t most_dimensions = 16;

struct TensorInfo {
  TensorSpec spec;
  /// Bytes to reserve: exact for an input, at least these for an output.
  std::uint64_t capacity = 0;
};

struct Hello {
  std::uint32_t protocol = protocol_version;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::string details;
};
/// The slot could not be made.
struct Failure {
  Error error;
};
struct Ready {};
struct OutputState {
  Shape shape;
  std::uint64_t bytes = 0;
};
struct Answer {
  std::uint64_t sequence = 0;  ///< the Invoke's
  std::optional<Error> error;
  bool is_broken = false;            ///< the child's slot is broken; only with an error
  std::vector<OutputState> outputs;  ///< none with an error
};
using FromChild = std::variant<Hello, Failure, Ready, Answer>;

struct Memory {
  std::uint64_t bytes = 0;
  std::vector<std::uint64_t> offsets;  ///< of the inputs, then of the outputs
};
struct Invoke {
  std::uint64_t sequence = 0;
};
using FromParent = std::variant<Memory, Invoke>;

/// Texts longer than their bound are cut. A message may still be larger than most_message_bytes:
/// check before sending.
[[nodiscard]] std::vector<std::byte> encode(const FromChild& message);
[[nodiscard]] std::vector<std::byte> encode(const FromParent& message);

/// Errors: invalid_argument saying what is wrong. Checked: nothing is left over, missing or above
///         its bound; dtypes and codes are known; extents are at least -1. Allocates at most a
///         small multiple of the size of `bytes`.
[[nodiscard]] Result<FromChild> parse_from_child(std::span<const std::byte> bytes);
[[nodiscard]] Result<FromParent> parse_from_parent(std::span<const std::byte> bytes);

}  // namespace gantry::worker
