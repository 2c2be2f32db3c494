#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <string_view>

#include "gantry/base/error.h"

// The child's side: how a child limits itself before it begins, and how it reports its job to its
// parent.
namespace gantry::sandbox {

/// The resources that a child may use. There is no limit on processor time: that time counts all
/// threads together, so a limit would end a child on many cores too early. The parent kills a child
/// that is late.
struct Limits {
  std::uint64_t address_space_bytes = std::uint64_t{4} << 30U;  ///< not limited under sanitizers
  std::uint64_t file_bytes = std::uint64_t{1} << 30U;           ///< of each file that it writes
};
/// Sets the limits of this process, for good. No core file is left either.
void limit_this_process(const Limits& limits);
/// Makes this process leave no core file.
void leave_no_core();
/// Starts a thread that waits until the other end of `socket` closes. Then the parent is gone, and
/// the thread ends this process, whatever other threads do. PR_SET_PDEATHSIG does not serve here:
/// it comes when the thread that started the child ends, not when its process ends.
void end_with_parent(int socket);
/// Flushes the output and ends this process at once. Not by exit(): that runs destructors, also of
/// a library that just failed, while other threads still run.
[[noreturn]] void leave(int code);

/// What an exception says: resource_exhausted for std::bad_alloc and for a thread that the system
/// does not start, else internal.
[[nodiscard]] Error error_of(const std::exception& exception);

/// Calls a function that may throw. Errors: the function's own; those of error_of().
template <class Call>
[[nodiscard]] auto without_exceptions(const Call& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& e) {
    return std::unexpected(error_of(e));
  }
}

/// Sends what the child of a Task has to say to its parent. A message is sent at once, since the
/// child may crash next. A message of more than 64 KiB is cut. Threads: thread-bound.
class Teller {
 public:
  explicit Teller(int socket) : socket_(socket) {}
  /// The step that begins now: "loading the library".
  void step(std::string_view text) const;
  /// A result of the job. Each call adds one to TaskEnd::results.
  void result(std::string_view text) const;

 private:
  int socket_;
};

/// Does a job as the child of a Task, within `limits`. The process ends if its parent is gone.
/// Exceptions of `job` become errors. Tells the parent that the job is done, or the error. Then
/// ends the process with 0, or with 1 after an error.
[[noreturn]] void run_task(const Limits& limits, const std::function<Result<>(const Teller&)>& job);

}  // namespace gantry::sandbox
