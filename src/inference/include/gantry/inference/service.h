#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dispatch/work_queue.h"
#include "gantry/inference/loaded_model.h"
#include "gantry/inference/types.h"
#include "gantry/metrics/registry.h"

namespace gantry::inference {

struct ServiceConfig {
  std::size_t queue_capacity = 128;  ///< requests that may wait, without those in work
  std::size_t decode_threads = 0;    ///< threads in addition to one per slot; 0: as many as cores
  /// A small request to a model whose recent answers took no longer than this is answered in
  /// submit() itself: a change of threads and back costs as much. 0: never.
  std::chrono::microseconds inline_limit{50};
};

/// What /health says of one model.
struct ModelStatus {
  std::string name, version, task;
  std::string sha256;                               ///< of the file's bytes when they were loaded
  std::size_t file_bytes = 0;                       ///< their number
  dispatch::Device device = dispatch::Device::cpu;  ///< where requests go now
  std::size_t slots = 0;                            ///< slots of that device
  int threads_per_slot = 1;
  bool ready = false;
  backend::DeviceWanted wanted = backend::DeviceWanted::automatic;
  backend::DevicePolicy::State state = backend::DevicePolicy::State::on_cpu;
  backend::CpuReport cpu_report;
  backend::NpuReport npu_report;
  NpuStatus npu;
};

/// Takes requests, queues them within a bound, runs them on worker threads.
/// Threads: thread-safe.
class Service {
  class Job;

 public:
  using Done = std::function<void(Result<Response>)>;

  /// A request that was accepted. Not to be used after the service is gone.
  class Ticket {
   public:
    /// Says that nobody waits for the answer any more. True if the request had not started: it is
    /// dropped, and `done` is called with cancelled on the calling thread. False if it had started:
    /// it stops before its next phase, and `done` is called as usual.
    bool cancel();
    /// False if submit() answered the request already.
    [[nodiscard]] bool is_pending() const noexcept { return queue_ != nullptr; }

   private:
    friend class Service;
    Ticket() = default;
    Ticket(std::weak_ptr<Job> job, dispatch::WorkQueue& queue, dispatch::WorkId id)
        : job_(std::move(job)), queue_(&queue), id_(id) {}
    std::weak_ptr<Job> job_;
    dispatch::WorkQueue* queue_ = nullptr;
    dispatch::WorkId id_{};
  };

  /// `metrics` must outlive the service. The metrics of this model version end with the service.
  Service(ServiceConfig config, std::shared_ptr<LoadedModel> model, metrics::Registry& metrics);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The model that a request names; an empty name or version is the default.
  /// Errors: not_found naming what was asked for and what there is.
  [[nodiscard]] Result<std::shared_ptr<LoadedModel>> find(std::string_view model,
                                                          std::string_view version) const;

  /// Queues a request, or answers it at once (ServiceConfig::inline_limit). `done` is called
  /// exactly once unless submit itself fails: on a worker thread, in submit(), in cancel(), or with
  /// unavailable in the service's destructor. It must not throw or block. Errors:
  /// resource_exhausted if the queue is full; unavailable once draining; those of validate().
  [[nodiscard]] Result<Ticket> submit(std::shared_ptr<LoadedModel> model, Request request,
                                      Done done);

  [[nodiscard]] std::vector<ModelStatus> status() const;
  /// Whether requests are taken and can be computed: not while draining, and not while the only
  /// allowed device does not work.
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] bool is_draining() const;
  /// Seconds after which a refused caller may try again: the time that the queue takes at the
  /// present speed, at least 1.
  [[nodiscard]] int retry_after_seconds() const;

  /// Takes no new requests (is_ready() turns false) and waits for the accepted ones until
  /// `deadline`. True if all were answered.
  bool drain(Deadline deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::inference
