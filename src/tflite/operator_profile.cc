#include "operator_profile.h"

#include <limits>

namespace gantry::tflite {
namespace {

constexpr std::size_t unseen = std::numeric_limits<std::size_t>::max();
constexpr std::uint32_t not_timed = std::numeric_limits<std::uint32_t>::max();

OperatorProfile& profile_of(TfLiteTelemetryProfilerStruct* callbacks) noexcept {
  return *static_cast<OperatorProfile*>(callbacks->data);
}

}  // namespace

OperatorProfile::OperatorProfile() {
  callbacks_.data = this;
  // TensorFlow Lite calls all six without asking whether they are there.
  callbacks_.ReportTelemetryEvent = [](auto*, const char*, std::uint64_t) {};
  callbacks_.ReportTelemetryOpEvent = [](auto*, const char*, std::int64_t, std::int64_t,
                                         std::uint64_t) {};
  callbacks_.ReportSettings = [](auto*, const char*, const TfLiteTelemetrySettings*) {};
  callbacks_.ReportOpInvokeEvent = [](auto*, const char*, std::uint64_t, std::int64_t,
                                      std::int64_t) {};
  callbacks_.ReportBeginOpInvokeEvent = [](TfLiteTelemetryProfilerStruct* self, const char* name,
                                           std::int64_t node, std::int64_t subgraph) {
    return profile_of(self).begin(name, node, subgraph);
  };
  callbacks_.ReportEndOpInvokeEvent = [](TfLiteTelemetryProfilerStruct* self,
                                         std::uint32_t handle) { profile_of(self).end(handle); };
}

std::uint32_t OperatorProfile::begin(const char* name, std::int64_t node, std::int64_t subgraph) {
  constexpr std::int64_t most_nodes = 1'000'000;  // a bound for a table, not for models
  if (subgraph != 0 || node < 0 || node >= most_nodes) {
    return not_timed;
  }
  const auto index = static_cast<std::size_t>(node);
  if (index >= position_of_node_.size()) {
    position_of_node_.resize(index + 1, unseen);
  }
  std::size_t& position = position_of_node_[index];
  if (position == unseen) {
    position = times_.size();
    times_.push_back({.index = static_cast<std::int32_t>(position), .name = name});
  }
  running_.push_back({.position = position, .begin = Clock::now()});
  return static_cast<std::uint32_t>(running_.size() - 1);
}

void OperatorProfile::end(std::uint32_t handle) noexcept {
  const Clock::time_point now = Clock::now();
  if (handle >= running_.size()) {
    return;
  }
  const Running& event = running_[handle];
  OperatorTime& time = times_[event.position];
  time.total += now - event.begin;
  ++time.count;
  running_.resize(handle);  // events nest, so that everything above has ended, too
}

void OperatorProfile::reset() noexcept {
  times_.clear();
  position_of_node_.clear();
  running_.clear();
}

}  // namespace gantry::tflite
