#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/dispatch/execution_slot.h"

namespace gantry::worker {

struct ProcessSlotConfig {
  /// The child's program. It is started with `arguments` (without its name). It must call serve()
  /// on the socket that it gets as descriptor `slot_socket` (serve.h).
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments;
  /// The bytes that the child works with. It gets them as descriptors from `first_slot_file` on
  /// (serve.h), and so does the child of each repair. Later changes of the files that they were
  /// read from do not matter.
  std::vector<SealedBytes> files = {};
  std::string name = "slot";  ///< how error messages begin: "slot 1"
  dispatch::Device device = dispatch::Device::npu;
  /// From the child's start until its slot is ready.
  std::chrono::milliseconds start_timeout{30'000};
  std::chrono::milliseconds hang_limit{5'000};            ///< for one invoke
  std::size_t most_tensor_bytes = std::size_t{1} << 30U;  ///< all tensors together
};

/// An execution slot in a child process. Its tensors are in memory that both processes share. An
/// invoke is one message to the child and one back. If the child ends, hangs or answers nonsense,
/// it is killed and the slot is broken; repair() starts another child. The child is trusted for
/// nothing but the values of its output tensors: all else that it says is checked.
///
/// Threads: one thread at a time, any thread.
class ProcessSlot final : public dispatch::ExecutionSlot {
 public:
  /// Starts the child and waits until its slot is ready.
  /// Errors: the child's own error, if it could not make its slot; unavailable if the child could
  ///         not be started, ended, was late or answered nonsense; out_of_range if its tensors are
  ///         too large.
  [[nodiscard]] static Result<std::unique_ptr<ProcessSlot>> start(ProcessSlotConfig config);
  /// Ends the child.
  ~ProcessSlot() override;

  [[nodiscard]] dispatch::Device device() const noexcept override;
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override;
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override;
  /// In the shared memory, aligned to 64 bytes. A repair moves it.
  [[nodiscard]] std::span<std::byte> input(std::size_t index) override;
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const override;
  /// Errors: the error of the child's slot; after it this slot is broken only if the child's slot
  ///         is. unavailable if the child ended, hung or answered nonsense; after it this slot is
  ///         broken. resource_exhausted if an output outgrew the memory reserved for it.
  [[nodiscard]] Result<> invoke() override;

  /// Also notices that the child ended between invokes.
  [[nodiscard]] bool is_broken() const noexcept override;
  [[nodiscard]] std::string broken_reason() const override;
  /// Errors: as start(), without the name; failed_precondition if the new child has other tensors;
  ///         cancelled.
  [[nodiscard]] Result<> repair(const std::stop_token& stop) override;

  /// MadeSlot::details of the present child.
  [[nodiscard]] const std::string& details() const noexcept;
  /// The present child's process id, for messages and tests; -1 if there is none.
  [[nodiscard]] int process_id() const noexcept;

 private:
  struct Impl;
  explicit ProcessSlot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::worker
