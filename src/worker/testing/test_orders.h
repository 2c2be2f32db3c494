#pragma once

#include <cstdint>

namespace gantry::worker {

/// What the test child's slot does at an invoke.
enum class Act : std::uint32_t {
  answer,
  slow,  ///< `number` milliseconds
  hang,
  crash,
  kill_itself,
  exit,
  garbage,
  too_large,
  close_socket,
  fail,
  fail_broken,
  throw_something,
  grow,         ///< its second output to `number` elements
  flood_words,  ///< `number` lines
  wrong_sequence,
  wrong_shape,
  wrong_size,
  wrong_count,
  descriptors,
};

/// The first bytes of its input.
struct Order {
  Act act = Act::answer;
  std::uint32_t number = 0;
};

}  // namespace gantry::worker
