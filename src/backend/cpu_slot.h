#pragma once

#include <memory>
#include <utility>

#include "gantry/dispatch/execution_slot.h"
#include "gantry/tflite/session.h"

namespace gantry::backend {

/// An execution slot on the CPU: one TensorFlow Lite interpreter without a delegate.
class CpuSlot final : public dispatch::ExecutionSlot {
 public:
  explicit CpuSlot(std::unique_ptr<tflite::Session> session) : session_(std::move(session)) {}

  [[nodiscard]] dispatch::Device device() const noexcept override { return dispatch::Device::cpu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override {
    return session_->inputs();
  }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override {
    return session_->outputs();
  }
  [[nodiscard]] std::span<std::byte> input(std::size_t index) override {
    return session_->input(index);
  }
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const override {
    return session_->output(index);
  }
  [[nodiscard]] Result<> invoke() override { return session_->invoke(); }

 private:
  std::unique_ptr<tflite::Session> session_;
};

}  // namespace gantry::backend
