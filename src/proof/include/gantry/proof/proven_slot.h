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

/// A session on a delegate's device, which must go on giving the proven results.
///
/// Nothing reports a lost device or a lost job: the driver answers OK, and the last result stands
/// where the new one should be. So the slot looks for an invoke that has other inputs than the one
/// before and the same outputs. It then runs the test inputs again. If they do not give the proven
/// results, the invoke fails. If they do, the invoke is good: a camera that looks at a still scene
/// gives equal outputs, too. The slot checks at most once in `recheck_interval`.
/// Threads: one thread at a time.
class ProvenSlot final : public dispatch::ExecutionSlot {
 public:
  static constexpr Clock::duration recheck_interval = std::chrono::seconds(1);

  /// Runs the test inputs. Errors: unavailable if the results are not `proven`; those of invoke().
  /// If `proven` is empty, the slot never compares.
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
  ///         broken then, for good.
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
  /// Our own memory: TensorFlow Lite may reuse its input tensors while it computes.
  Tensors inputs_;
  Tensors last_inputs_;
  Tensors last_outputs_;
  Clock::time_point next_recheck_;
  std::string broken_reason_;
};

}  // namespace gantry::proof
