#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "gantry/base/deadline.h"
#include "gantry/http/server.h"
#include "gantry/inference/loaded_model.h"
#include "gantry/metrics/registry.h"
#include "route.h"

namespace gantry::api {

/// The metrics of requests that HTTP sees. A series is looked up in the registry once and then
/// remembered.
/// Threads: thread-safe.
class HttpMetrics {
 public:
  explicit HttpMetrics(metrics::Registry& registry);
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;
  ~HttpMetrics() = default;

  /// Counts one answer. `time`: from the request's first byte to the answer.
  void answered(Route route, std::string_view method, int status, Clock::duration time);
  /// Counts one answer that the server gave before any route was known.
  void refused(int status);

  /// Counts an answer that the client did not take to its end. The answer itself is counted
  /// already.
  void cut(http::Cut why);

  /// Pictures that were accepted and are not answered yet.
  [[nodiscard]] metrics::Gauge& in_progress() noexcept { return in_progress_; }

  /// The phases of a request that only HTTP sees.
  struct Phases {
    Phases(metrics::Registry& registry, const inference::LoadedModel& model,
           dispatch::Device device);
    metrics::Scope scope;
    metrics::Histogram& read;
    metrics::Histogram& write;
  };
  /// The phases for the device that the model's requests go to now. They are exposed as long as the
  /// model lives or the result of this function is held.
  [[nodiscard]] std::shared_ptr<Phases> phases(
      const std::shared_ptr<const inference::LoadedModel>& model);

 private:
  static constexpr std::size_t method_count = 8;
  static constexpr std::size_t status_count = 20;
  metrics::Counter& requests(Route route, std::size_t method, int status);

  metrics::Registry& registry_;
  metrics::Gauge& in_progress_;
  std::array<metrics::Counter*, 3> cut_{};  ///< by http::Cut, without `none`
  std::array<metrics::Histogram*, route_count> durations_{};
  /// Empty until the first such answer.
  std::array<std::atomic<metrics::Counter*>, route_count * method_count * status_count> requests_{};
  struct ModelPhases {
    std::weak_ptr<const inference::LoadedModel> model;
    dispatch::Device device;
    std::shared_ptr<Phases> phases;
  };
  /// With the mutex held.
  void forget_models_that_are_gone();

  std::mutex mutex_;
  std::vector<ModelPhases> phases_;
  metrics::Update update_;  // last, so that it ends first
};

}  // namespace gantry::api
