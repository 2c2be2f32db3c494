#pragma once

namespace gantry::emulator {

/// ioctl(2) on a descriptor of the device: 0 or a value of errno. `argument` is what the caller
/// gave; null is EFAULT, other bad pointers are the caller's crash (a kernel would say EFAULT).
[[nodiscard]] int device_ioctl(int fd, unsigned long request, void* argument);

}  // namespace gantry::emulator
