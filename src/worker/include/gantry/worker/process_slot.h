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
  /// Started with `arguments` (without its name) and a socket as descriptor `slot_socket`
  /// (serve.h), on which it has to call serve().
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments;
  /// What the child works with: its descriptors from `first_slot_file` on (serve.h), those of each
  /// repair too. Whoever replaces the files that they came from changes nothing.
  std::vector<SealedBytes> files = {};
  std::string name = "slot";  ///< how messages begin: "slot 1"
  dispatch::Device device = dispatch::Device::npu;
  std::chrono::milliseconds start_timeout{30'000};  ///< from the start to a slot that is ready
  std::chrono::milliseconds hang_limit{5'000};      ///< for one invoke
  std::size_t most_tensor_bytes = std::size_t{1} << 30U;  ///< of all tensors together
};

/// An execution slot in a child process. Its tensors are in memory that both share; an invoke is
/// one message there and one back. A child that ends, hangs or answers nonsense is ended and leaves
/// the slot broken; repair() starts another one. Nothing that a child says is believed further than
/// the values of its output tensors.
///
/// Threads: one thread at a time, any thread.
class ProcessSlot final : public dispatch::ExecutionSlot {
 public:
  /// Starts the child and waits until its slot is ready.
  /// Errors: the child's own, if it could not make its slot; unavailable if it could not be
  /// started, ended, was late or spoke nonsense; out_of_range if its tensors are too large.
  [[nodiscard]] static Result<std::unique_ptr<ProcessSlot>> start(ProcessSlotConfig config);
  /// Ends the child.
  ~ProcessSlot() override;

  [[nodiscard]] dispatch::Device device() const noexcept override;
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override;
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override;
  /// In the shared memory, aligned to 64 bytes; other memory after a repair.
  [[nodiscard]] std::span<std::byte> input(std::size_t index) override;
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const override;
  /// Errors: what the child's slot says, after which this one is whole unless the child's is
  /// broken; unavailable if the child ended, hung or spoke nonsense, after which it is broken;
  /// resource_exhausted if an output outgrew the memory reserved for it.
  [[nodiscard]] Result<> invoke() override;

  /// Notices, too, that the child ended while nobody asked anything of it.
  [[nodiscard]] bool is_broken() const noexcept override;
  [[nodiscard]] std::string broken_reason() const override;
  /// Errors: as start(), without the name; failed_precondition if the new child has other tensors;
  /// cancelled.
  [[nodiscard]] Result<> repair(const std::stop_token& stop) override;

  /// What make_slot said about the slot of the present child.
  [[nodiscard]] const std::string& details() const noexcept;
  /// The present child's process id, for messages and tests; -1 if there is none.
  [[nodiscard]] int process_id() const noexcept;

 private:
  struct Impl;
  explicit ProcessSlot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::worker
