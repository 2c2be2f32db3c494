#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "gantry/emulator_wire/wire.h"

namespace gantry::emulator {

/// The device as this process has it open: a table of files. A file is the shared memory of its
/// buffers and connections to the worker. The process sees the memory's descriptors, so mmap and
/// dup work unchanged. Threads: thread-safe.

/// open(2) of the device node: a descriptor, or -1 with errno.
[[nodiscard]] int open_device(int flags);
/// Whether it is a descriptor of the device, original or copy.
[[nodiscard]] bool is_device(int fd);
/// Notes a copy that is a descriptor of the device if `original` is.
void note_copy(int original, int copy);
/// Runs `close_it(fd)`; the last descriptor of an open file closes it.
int close_device(int fd, int (*close_it)(int));
/// Whether `fd` may be the device. Fast; false is certain for descriptors whose copies were noted.
[[nodiscard]] bool may_be_device(int fd);

/// Sends one request about the open file behind `fd`. Returns 0 or a value of errno; ENODEV if the
/// worker has gone.
[[nodiscard]] int ask(int fd, wire::Op op, const void* payload, std::size_t bytes, void* reply,
                      std::size_t reply_bytes);

}  // namespace gantry::emulator
