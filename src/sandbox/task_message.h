#pragma once

#include <cstddef>
#include <cstdint>

// The messages of a Task's child. A message is one packet: one byte, its kind, and a text.
namespace gantry::sandbox {

enum class TaskMessage : std::uint8_t { step = 1, result, error, done };
inline constexpr std::size_t most_task_text = std::size_t{64} << 10U;

}  // namespace gantry::sandbox
