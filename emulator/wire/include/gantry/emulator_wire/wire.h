#pragma once

#include <cstdint>

// The messages between the preload library and the worker over a stream socket: a head, then as
// many bytes as the head says. Sizes are fixed and numbers are little endian, since one side may
// run under user-mode emulation of another processor. Types are plain, since the library runs in
// foreign processes.

namespace gantry::emulator::wire {

enum class Op : std::uint32_t {
  open = 1,       ///< → Opened, and the file with the buffers as SCM_RIGHTS
  attach = 2,     ///< Attach →: a further connection for an open file
  create_bo = 3,  ///< CreateBo → CreatedBo
  submit = 4,     ///< jobs, see below →
  prepare = 5,    ///< Prepare →
  finish = 6,     ///< Handle →
  close_bo = 7,   ///< Handle →
};

struct RequestHead {
  std::uint32_t op;
  std::uint32_t bytes;
};
struct ReplyHead {
  std::int32_t error;  ///< 0, or the value for errno; after an error no bytes follow
  std::uint32_t bytes;
};

/// The token of an open file, to attach to it.
struct Opened {
  std::uint64_t token;
};
struct Attach {
  std::uint64_t token;
};
struct CreateBo {
  std::uint32_t bytes;
  std::uint32_t reserved;
};
struct CreatedBo {
  std::uint32_t handle;
  std::uint32_t address;  ///< the NPU's, and the offset in the file
};
struct Prepare {
  std::uint32_t handle;
  std::uint32_t reserved;
  std::int64_t deadline_ns;  ///< CLOCK_MONOTONIC; ≤ 0: do not wait
};
struct Handle {
  std::uint32_t handle;
};

/// Op::submit carries, for each job: JobHead, its tasks, its in handles, its out handles.
struct JobHead {
  std::uint32_t tasks;
  std::uint32_t in_handles;
  std::uint32_t out_handles;
};
struct Task {
  std::uint32_t address;
  std::uint32_t words;
};

inline constexpr std::uint32_t max_bytes = 16U << 20U;
/// DRM: character devices of this major number.
inline constexpr unsigned accel_major = 261;

/// The environment variables that the library reads. Without the socket it does nothing.
inline constexpr const char* socket_variable = "GANTRY_EMULATOR_SOCKET";
inline constexpr const char* root_variable = "GANTRY_EMULATOR_ROOT";
/// Words to put in front of a program of the library's architecture, if this machine cannot run it
/// by itself.
inline constexpr const char* runner_variable = "GANTRY_EMULATOR_RUNNER";

}  // namespace gantry::emulator::wire
