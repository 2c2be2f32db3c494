#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <new>
#include <string_view>

#include "gantry/base/error.h"

// A child's own side: what it does to itself before it does anything else, and how it tells its
// parent what came of its job.
namespace gantry::sandbox {

/// What a child may take. No processor time: that counts all threads together, so that a limit on
/// it would end a child early that uses many cores. The parent ends whoever is late.
struct Limits {
  std::uint64_t address_space_bytes = std::uint64_t{4} << 30U;  ///< not under sanitizers
  std::uint64_t file_bytes = std::uint64_t{1} << 30U;           ///< of a file that it writes
};
/// For this process, for good. No core file is left either.
void limit_this_process(const Limits& limits);
/// No core file is left.
void leave_no_core();
/// Ends this process when its parent is gone, in the midst of whatever it does: starts a thread
/// that waits for the other end of `socket` to close. Not PR_SET_PDEATHSIG: that comes when the
/// thread ends that started us, not its process.
void end_with_parent(int socket);
/// Ends this process now, output flushed. Not exit(): destructors of what made trouble may make
/// more, and other threads still run.
[[noreturn]] void leave(int code);

/// Calls what may throw. Errors: its own; resource_exhausted for std::bad_alloc, internal for other
/// exceptions.
template <class Call>
[[nodiscard]] auto without_exceptions(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(Code::resource_exhausted, "out of memory");
  } catch (const std::exception& e) {
    return fail(Code::internal, e.what());
  }
}

/// What the child of a Task tells its parent. Messages are sent at once, since what comes next may
/// be the end; longer ones than 64 KiB are cut. Threads: thread-bound.
class Teller {
 public:
  explicit Teller(int socket) : socket_(socket) {}
  /// What it does from now on: "loading the library".
  void step(std::string_view text) const;
  /// A finding; each counts.
  void result(std::string_view text) const;

 private:
  int socket_;
};

/// Does a job as the child of a Task: within `limits`, ending with its parent, no exception let
/// out. Tells the parent that it is done, or the error, and ends the process with 0 or 1.
[[noreturn]] void run_task(const Limits& limits, const std::function<Result<>(const Teller&)>& job);

}  // namespace gantry::sandbox
