#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// What the emulator does to run a job.
enum class Mode : std::uint8_t {
  exact,   ///< computes as TensorFlow Lite does
  quirks,  ///< computes with the known differences of silicon and kernel
  timing,  ///< takes the modelled time and computes nothing
};

enum class FaultKind : std::uint8_t {
  absent,         ///< open: ENOENT
  eacces,         ///< open: EACCES
  vanish,         ///< the device is removed when a job begins; open files answer ENODEV for good
  lose_job,       ///< a job ends at once without writing anything
  wrong_channel,  ///< a bit is flipped in one output channel of a job's tasks; value: the channel
  slow,           ///< a job takes longer; value: milliseconds
  hang,           ///< a job ends after the watchdog's 500 ms without writing anything
  submit_error,   ///< SUBMIT fails; value: the errno
  create_error,   ///< CREATE_BO fails; value: the errno
};

/// A fault, and on which of its occasions it strikes: it skips the first `after` occasions, then
/// strikes at every `every`th, at most `count` times.
struct Fault {
  FaultKind kind{};
  std::int64_t value = 0;
  std::uint64_t after = 0;
  std::uint64_t every = 1;
  std::uint64_t count = UINT64_MAX;

  /// "hang", "slow=20", "lose-job:after=10,every=3,count=2", "submit-error=ENOMEM".
  /// Errors: invalid_argument naming the word.
  [[nodiscard]] static Result<Fault> parse(std::string_view text);
};
[[nodiscard]] std::string_view fault_name(FaultKind kind);

/// Settings that may change while the device works. Threads: thread-safe.
class Settings {
 public:
  /// One line of the control language: "mode timing", "fault SPEC", "clear [FAULT]",
  /// "clock-mhz 200", "time-scale 10". Errors: invalid_argument naming the word; then nothing
  /// has changed.
  [[nodiscard]] Result<> apply(std::string_view command);

  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] double clock_hz() const { return clock_hz_; }
  [[nodiscard]] double time_scale() const { return time_scale_; }

  /// Counts an occasion for a fault. Answers the fault's value if it strikes.
  [[nodiscard]] std::optional<std::int64_t> strikes(FaultKind kind);
  /// Whether the fault would strike now. Counts nothing.
  [[nodiscard]] bool is_set(FaultKind kind) const;
  [[nodiscard]] std::vector<std::string> fault_names() const;

 private:
  struct Armed {
    Fault fault;
    std::uint64_t occasions = 0;
    std::uint64_t strikes = 0;
    [[nodiscard]] bool is_over() const { return strikes >= fault.count; }
  };

  std::atomic<Mode> mode_ = Mode::exact;
  std::atomic<double> clock_hz_ = 200e6;
  std::atomic<double> time_scale_ = 1;
  mutable std::mutex mutex_;
  std::vector<Armed> faults_;
};

}  // namespace gantry::emulator
