#include "gantry/proof/proven_slot.h"

#include <algorithm>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/proof/compare.h"
#include "gantry/proof/test_input.h"

namespace gantry::proof {

ProvenSlot::ProvenSlot(std::unique_ptr<tflite::Session> session, Outputs proven,
                       std::function<Clock::time_point()> now)
    : session_(std::move(session)),
      proven_(std::move(proven)),
      now_(std::move(now)),
      next_recheck_(now_()) {
  for (std::size_t i = 0; i < session_->inputs().size(); ++i) {
    inputs_.emplace_back(session_->input(i).size());
  }
}

Result<std::unique_ptr<ProvenSlot>> ProvenSlot::create(std::unique_ptr<tflite::Session> session,
                                                       Outputs proven,
                                                       std::function<Clock::time_point()> now) {
  std::unique_ptr<ProvenSlot> slot(
      new ProvenSlot(std::move(session), std::move(proven), std::move(now)));
  if (auto checked = slot->recheck(); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return slot;
}

Result<> ProvenSlot::recheck() {
  for (std::size_t test = 0; test < proven_.size(); ++test) {
    for (std::size_t i = 0; i < session_->inputs().size(); ++i) {
      fill_test_input(session_->inputs()[i], static_cast<std::uint32_t>(test + 1),
                      session_->input(i));
    }
    if (auto done = session_->invoke(); !done) {
      return done;
    }
    for (std::size_t i = 0; i < session_->outputs().size(); ++i) {
      // The same device on the same input: any real difference is a wrong result.
      const TensorSpec& spec = session_->outputs()[i];
      const Difference difference =
          i < proven_[test].size()
              ? compare(spec.dtype, proven_[test][i], session_->output(i), least_allowed)
              : Difference{.beyond = 1};
      if (difference.beyond > 0) {
        return fail(Code::unavailable,
                    format_text("the NPU no longer computes what was proven: output \"{}\" of a "
                                "test input is off by up to {} steps",
                                spec.name, difference.largest));
      }
    }
  }
  keep_outputs();  // what a device that is lost from now on would leave standing
  last_inputs_.clear();
  return {};
}

void ProvenSlot::keep_outputs() {
  last_outputs_.resize(session_->outputs().size());
  for (std::size_t i = 0; i < last_outputs_.size(); ++i) {
    const auto bytes = session_->output(i);
    last_outputs_[i].assign(bytes.begin(), bytes.end());
  }
}

Result<> ProvenSlot::run() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    std::ranges::copy(inputs_[i], session_->input(i).begin());
  }
  return session_->invoke();
}

Result<> ProvenSlot::invoke() {
  auto done = invoke_and_watch();
  if (!done) {
    broken_reason_ = done.error().message;
  }
  return done;
}

Result<> ProvenSlot::invoke_and_watch() {
  if (auto done = run(); !done) {
    return done;
  }
  const auto same_outputs = [&] {
    for (std::size_t i = 0; i < last_outputs_.size(); ++i) {
      if (!std::ranges::equal(session_->output(i), last_outputs_[i])) {
        return false;
      }
    }
    return !last_outputs_.empty();
  };
  if (!proven_.empty() && same_outputs() && inputs_ != last_inputs_ && now_() >= next_recheck_) {
    next_recheck_ = now_() + recheck_interval;
    if (auto checked = recheck(); !checked) {
      return checked;
    }
    if (auto again = run(); !again) {
      return again;
    }
  }
  last_inputs_ = inputs_;
  keep_outputs();
  return {};
}

}  // namespace gantry::proof
