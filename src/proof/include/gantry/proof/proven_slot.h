#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/proof/proof.h"
#include "gantry/tflite/session.h"

namespace gantry::proof {

/// A session on a delegate's device that is held to what was proven of it.
///
/// A device that is lost, or whose jobs are, does not say so: its driver answers OK, and the last
/// result stands where the new one should. So an invoke whose outputs are those of the one before,
/// though its inputs are not, makes this slot run the test inputs again: if the proven results do
/// not come, the invoke fails. (A camera that shows the same makes equal outputs too; then they
/// come, and the invoke stands.) It asks at most once in `recheck_interval`.
/// Threads: one thread at a time.
class ProvenSlot final : public dispatch::ExecutionSlot {
 public:
  static constexpr Clock::duration recheck_interval = std::chrono::seconds(1);

  /// Runs the test inputs. Errors: unavailable if the results are not `proven`; those of invoke().
  /// Nothing proven: nothing is ever compared.
  [[nodiscard]] static Result<std::unique_ptr<ProvenSlot>> create(
      std::unique_ptr<tflite::Session> session, Outputs proven,
      std::function<Clock::time_point()> now = Clock::now);

  [[nodiscard]] dispatch::Device device() const noexcept override { return dispatch::Device::npu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override {
    return session_->inputs();
  }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override {
    return session_->outputs();
  }
  [[nodiscard]] std::span<std::byte> input(std::size_t index) override { return inputs_[index]; }
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const override {
    return session_->output(index);
  }
  /// Errors: unavailable if the device failed, or no longer computes what was proven; the slot is
  /// broken then, for good.
  [[nodiscard]] Result<> invoke() override;
  [[nodiscard]] bool is_broken() const noexcept override { return !broken_reason_.empty(); }
  [[nodiscard]] std::string broken_reason() const override { return broken_reason_; }

 private:
  using Tensors = std::vector<std::vector<std::byte>>;
  ProvenSlot(std::unique_ptr<tflite::Session> session, Outputs proven,
             std::function<Clock::time_point()> now);
  /// Runs the test inputs and compares.
  [[nodiscard]] Result<> recheck();
  void keep_outputs();
  [[nodiscard]] Result<> invoke_and_watch();
  /// Feeds `inputs_` and runs.
  [[nodiscard]] Result<> run();

  std::unique_ptr<tflite::Session> session_;
  Outputs proven_;
  std::function<Clock::time_point()> now_;
  Tensors inputs_;  ///< of ours: TensorFlow Lite may reuse its own while it computes
  Tensors last_inputs_;
  Tensors last_outputs_;
  Clock::time_point next_recheck_;
  std::string broken_reason_;
};

}  // namespace gantry::proof
