#include "gantry/inference/service.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "gantry/base/cpu.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/inference/metric_names.h"

namespace gantry::inference {
namespace {

/// The metrics of one model version on one device.
class ModelMetrics {
 public:
  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;
  ~ModelMetrics() = default;
  ModelMetrics(metrics::Registry& registry, metrics::Scope& scope, const LoadedModel& model,
               dispatch::Device device)
      : scope_(&scope),
        labels_{{"model", model.name()},
                {"version", model.version()},
                {"device", std::string(dispatch::device_name(device))}},
        decode_(phase("decode")),
        resize_(phase("resize")),
        queue_(phase("queue")),
        invoke_(phase("invoke")),
        postprocess_(phase("postprocess")),
        ok_(requests("ok")),
        // Names of the plan's service, for boards that are there already: protocols.md 2.4,
        // "avalanche". They count all models, and so outlive each.
        plan_total_(registry.counter("npu_inference_total", "Inferences computed.")),
        plan_seconds_(registry.counter("npu_inference_time_seconds_total",
                                       "Time spent in inferences, in seconds.")),
        plan_average_(registry.gauge("npu_inference_time_seconds_avg",
                                     "Mean time of an inference since start, in seconds.")) {}

  void answered(const Timings& timings) {
    decode_.observe(to_seconds(timings.decode));
    resize_.observe(to_seconds(timings.resize));
    queue_.observe(to_seconds(timings.queue));
    invoke_.observe(to_seconds(timings.invoke));
    postprocess_.observe(to_seconds(timings.postprocess));
    ok_.add();
    plan_total_.add();
    plan_seconds_.add(to_seconds(timings.invoke));
    plan_average_.set(plan_seconds_.value() / plan_total_.value());
  }
  void failed(Code code) { requests(code_name(code)).add(); }

 private:
  metrics::Histogram& phase(std::string_view name) {
    return phase_histogram(*scope_, labels_.at("model"), labels_.at("version"),
                           labels_.at("device"), name);
  }
  metrics::Counter& requests(std::string_view outcome) {
    auto labels = labels_;
    labels["outcome"] = outcome;
    return scope_->counter("gantry_inference_requests_total",
                           "Requests for an inference, by outcome: ok or the error's code.",
                           labels);
  }

  metrics::Scope* scope_;
  metrics::Labels labels_;
  metrics::Histogram& decode_;
  metrics::Histogram& resize_;
  metrics::Histogram& queue_;
  metrics::Histogram& invoke_;
  metrics::Histogram& postprocess_;
  metrics::Counter& ok_;
  metrics::Counter& plan_total_;
  metrics::Counter& plan_seconds_;
  metrics::Gauge& plan_average_;
};

std::size_t size_of(const dispatch::SlotPool* slots) {
  return slots == nullptr ? 0 : slots->size();
}

void tell_operators(metrics::Scope& scope, const LoadedModel& model) {
  const auto& report = model.npu_report();
  for (const auto& [device, count] :
       {std::pair("npu", report.operators_npu), std::pair("cpu", report.operators_cpu)}) {
    scope
        .gauge("gantry_model_operators",
               "Operators of the model, by the device that runs them while the NPU works.",
               {{"model", model.name()}, {"version", model.version()}, {"device", device}})
        .set(static_cast<double>(count));
  }
}

/// A counter of what somebody else counts.
class Followed {
 public:
  explicit Followed(metrics::Counter& counter) : counter_(&counter) {}
  /// Adds what came since the last call. Not twice at a time.
  void follow(std::size_t count) {
    counter_->add(static_cast<double>(count - std::exchange(told_, count)));
  }

 private:
  metrics::Counter* counter_;
  std::size_t told_ = 0;
};

/// What is told of a model's NPU. The model counts by itself, since it knows nothing of metrics;
/// update() brings the counters up to that.
/// Threads: one at a time.
class NpuMetrics {
 public:
  NpuMetrics(const NpuMetrics&) = delete;
  NpuMetrics& operator=(const NpuMetrics&) = delete;
  ~NpuMetrics() = default;
  NpuMetrics(metrics::Scope& scope, const LoadedModel& model)
      : scope_(&scope),
        labels_{{"model", model.name()}, {"version", model.version()}},
        usable_(scope.gauge("gantry_npu_slots_usable", "NPU slots that are not broken.", labels_)),
        restarts_(scope.counter("gantry_npu_worker_restarts_total",
                                "NPU slots that broke and were made anew.", labels_)),
        retries_(scope.counter("gantry_npu_retries_total",
                               "Requests whose NPU slot failed and that were computed again.",
                               labels_)),
        fallbacks_(scope.counter("gantry_npu_fallbacks_total",
                                 "Times that no NPU slot was usable any more.", labels_)) {}

  void update(const NpuStatus& status) {
    usable_.set(static_cast<double>(status.usable));
    restarts_.follow(status.restarts);
    retries_.follow(status.retries);
    fallbacks_.follow(status.moves_away);
    for (const auto& [code, count] : status.failures) {
      auto known = failures_.find(code);
      if (known == failures_.end()) {
        auto labels = labels_;
        labels["reason"] = code_name(code);
        known = failures_
                    .try_emplace(code, scope_->counter("gantry_npu_failures_total",
                                                       "Inferences that an NPU slot did not bring "
                                                       "to an end, by what it said.",
                                                       labels))
                    .first;
      }
      known->second.follow(count);
    }
  }

 private:
  metrics::Scope* scope_;
  metrics::Labels labels_;
  metrics::Gauge& usable_;
  Followed restarts_;
  Followed retries_;
  Followed fallbacks_;
  std::map<Code, Followed> failures_;
};

/// One model's part in a gauge that tells the sum over all models; taken back at its end.
class Part {
 public:
  explicit Part(metrics::Gauge& sum) : sum_(&sum) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() { set(0); }
  /// Not twice at a time.
  void set(std::size_t part) {
    const auto now = static_cast<double>(part);
    sum_->add(now - std::exchange(told_, now));
  }

 private:
  metrics::Gauge* sum_;
  double told_ = 0;
};

/// What is read off a model version and its queue whenever somebody asks for metrics.
class ModelGauges {
 public:
  ModelGauges(metrics::Registry& registry, metrics::Scope& scope, const LoadedModel& model,
              const dispatch::WorkQueue& queue)
      : model_(&model),
        queue_(&queue),
        labels_{{"model", model.name()}, {"version", model.version()}},
        all_waiting_(registry.gauge("gantry_queue_depth",
                                    "Requests that wait to be worked on, all models.")),
        all_capacity_(registry.gauge(
            "gantry_queue_capacity",
            "Requests that may wait before new ones are refused, all models together.")),
        waiting_(scope.gauge("gantry_model_queue_depth",
                             "Requests for the model version that wait to be worked on.", labels_)),
        ready_(
            scope.gauge("gantry_model_ready", "1 if the model version takes requests.", labels_)) {
    all_capacity_.set(queue.capacity());
    scope
        .gauge("gantry_model_queue_capacity",
               "Requests for the model version that may wait before new ones are refused.", labels_)
        .set(static_cast<double>(queue.capacity()));
    if (model.cpu_slots() != nullptr) {
      auto labels = labels_;
      labels["backend"] = cpu_backend_name(model.cpu_report());
      scope
          .gauge("gantry_cpu_backend_info",
                 "Always 1; its labels tell whose kernels compute the model on the CPU.", labels)
          .set(1);
    }
    watch(scope, dispatch::Device::cpu, model.cpu_slots());
    watch(scope, dispatch::Device::npu, model.npu_slots());
    tell_operators(scope, model);
    if (model.npu_slots() != nullptr) {
      npu_.emplace(scope, model);
    }
  }

  /// Not twice at a time.
  void update(bool is_ready) {
    const std::size_t waiting = queue_->waiting();
    all_waiting_.set(waiting);
    waiting_.set(static_cast<double>(waiting));
    for (const auto& [gauge, slots] : busy_) {
      gauge->set(static_cast<double>(slots->busy()));
    }
    if (npu_) {
      npu_->update(model_->npu_status());
    }
    ready_.set(is_ready ? 1.0 : 0.0);
  }

 private:
  void watch(metrics::Scope& scope, dispatch::Device device, const dispatch::SlotPool* slots) {
    if (slots != nullptr) {
      auto labels = labels_;
      labels["device"] = dispatch::device_name(device);
      scope.gauge("gantry_slots", "Execution slots.", labels)
          .set(static_cast<double>(slots->size()));
      busy_.emplace_back(&scope.gauge("gantry_slots_busy", "Execution slots at work.", labels),
                         slots);
    }
  }

  const LoadedModel* model_;
  const dispatch::WorkQueue* queue_;
  metrics::Labels labels_;
  Part all_waiting_;
  Part all_capacity_;
  metrics::Gauge& waiting_;
  metrics::Gauge& ready_;
  std::vector<std::pair<metrics::Gauge*, const dispatch::SlotPool*>> busy_;
  std::optional<NpuMetrics> npu_;
};

}  // namespace

struct Service::Impl {
  Impl(ServiceConfig config, std::shared_ptr<LoadedModel> loaded, metrics::Registry& registry)
      : model(std::move(loaded)),
        inline_limit(config.inline_limit),
        scope(registry),
        cpu_metrics(
            model->cpu_slots() == nullptr
                ? nullptr
                : std::make_unique<ModelMetrics>(registry, scope, *model, dispatch::Device::cpu)),
        npu_metrics(
            model->npu_slots() == nullptr
                ? nullptr
                : std::make_unique<ModelMetrics>(registry, scope, *model, dispatch::Device::npu)),
        queue("worker",
              std::max(size_of(model->cpu_slots()), size_of(model->npu_slots())) +
                  (config.decode_threads != 0 ? config.decode_threads : available_cores()),
              config.queue_capacity),
        gauges(registry, scope, *model, queue),
        update(registry.on_expose([this] { gauges.update(is_ready()); })) {}

  /// Whether the model's answers lately took so little that a small request need not be queued. An
  /// NPU's never do: what lives below may hang, and this thread must not.
  [[nodiscard]] bool is_quick() const {
    const auto cost = cost_ns.load(std::memory_order_relaxed);
    return model->device() == dispatch::Device::cpu && cost != 0 &&
           std::chrono::nanoseconds(cost) <= inline_limit;
  }
  [[nodiscard]] bool is_ready() const {
    return !draining && model->policy().state() != backend::DevicePolicy::State::down;
  }
  void note_cost(Clock::duration cost) {
    const auto now = std::max<std::int64_t>(1, std::chrono::nanoseconds(cost).count());
    const auto before = cost_ns.load(std::memory_order_relaxed);
    // One answer during which the thread had to wait says little about the next.
    const auto counted = std::min(now, 2 * before);
    cost_ns.store(before == 0 ? now : before + (counted - before) / 8, std::memory_order_relaxed);
  }

  std::shared_ptr<LoadedModel> model;
  const Clock::duration inline_limit;
  /// Of what a device did; failures count for the one where requests go at the time.
  [[nodiscard]] ModelMetrics& metrics_of(dispatch::Device device) const {
    return device == dispatch::Device::cpu ? *cpu_metrics : *npu_metrics;
  }
  void failed(Code code) { metrics_of(model->device()).failed(code); }

  metrics::Scope scope;
  std::unique_ptr<ModelMetrics> cpu_metrics;  ///< null for a device where the model never is
  std::unique_ptr<ModelMetrics> npu_metrics;
  std::atomic<bool> draining = false;
  /// Recent mean of invoke in nanoseconds, for retry_after_seconds(); a lost update does no harm.
  std::atomic<std::int64_t> invoke_ns = 0;
  /// Recent mean of invoke and all that follows it; 0: unknown.
  std::atomic<std::int64_t> cost_ns = 0;
  dispatch::WorkQueue queue;  // after all that its threads use
  ModelGauges gauges;
  metrics::Update update;  // last, so that it ends first
};

/// One accepted request. Lives in the queue's closure; whoever destroys it unanswered answers it.
class Service::Job {
 public:
  Job(Impl& service, std::shared_ptr<LoadedModel> model, Request request, Done done)
      : service_(&service),
        model_(std::move(model)),
        request_(std::move(request)),
        done_(std::move(done)) {
    request_.cancelled = stop_.get_token();
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    if (done_) {
      finish(fail(Code::unavailable, "shut down before the request was started"));
    }
  }

  void run() noexcept {
    try {
      result_ = model_->infer(request_, Clock::now() - accepted_);
    } catch (const std::exception& error) {  // the thread's catch-all
      result_ = fail(Code::internal, format_text("unexpected: {}", error.what()));
    }
  }
  /// run() for what need not be queued; false: it must be.
  bool run_if_small() noexcept {
    try {
      auto result = model_->infer_if_small(request_);
      if (!result) {
        return false;
      }
      result_ = *std::move(result);
      return true;
    } catch (const std::exception&) {  // no memory: the ordinary way will tell
      return false;
    }
  }
  /// After run(), and when the worker counts as idle again: a client that answers at once with its
  /// next request finds a place for it.
  void finish_run() { finish(std::move(result_)); }

  void finish(Result<Response> result) {
    const auto began = Clock::now();
    Clock::duration computed{};
    if (result) {
      computed = result->timings.invoke + result->timings.postprocess;
      service_->metrics_of(result->device).answered(result->timings);
      const auto now = std::chrono::nanoseconds(result->timings.invoke).count();
      const auto before = service_->invoke_ns.load(std::memory_order_relaxed);
      service_->invoke_ns.store(before == 0 ? now : before + (now - before) / 8,
                                std::memory_order_relaxed);
    } else {
      service_->failed(result.error().code);
    }
    std::exchange(done_, nullptr)(std::move(result));
    if (computed != Clock::duration::zero()) {
      service_->note_cost(computed + (Clock::now() - began));
    }
  }

  /// It was never accepted: nobody is to be answered.
  void abandon() noexcept { done_ = nullptr; }
  void request_stop() { stop_.request_stop(); }

 private:
  Impl* service_;
  std::shared_ptr<LoadedModel> model_;
  Request request_;
  Done done_;
  Result<Response> result_;
  std::stop_source stop_;
  Clock::time_point accepted_ = Clock::now();
};

bool Service::Ticket::cancel() {
  const auto job = job_.lock();
  if (!job) {
    return false;  // answered already
  }
  if (queue_->withdraw(id_)) {
    job->finish(fail(Code::cancelled, "the client hung up"));
    return true;
  }
  job->request_stop();
  return false;
}

Service::Service(ServiceConfig config, std::shared_ptr<LoadedModel> model,
                 metrics::Registry& metrics)
    : impl_(std::make_unique<Impl>(config, std::move(model), metrics)) {}

Service::~Service() = default;

Result<std::shared_ptr<LoadedModel>> Service::find(std::string_view model,
                                                   std::string_view version) const {
  const LoadedModel& have = *impl_->model;
  if (!model.empty() && model != have.name()) {
    return fail(Code::not_found, format_text(R"(model {} is not here; there is "{}")",
                                             in_quotes(model), have.name()));
  }
  if (!version.empty() && version != have.version()) {
    return fail(Code::not_found, format_text(R"(model "{}" has no version {}; there is "{}")",
                                             have.name(), in_quotes(version), have.version()));
  }
  return impl_->model;
}

Result<Service::Ticket> Service::submit(std::shared_ptr<LoadedModel> model, Request request,
                                        Done done) {
  const auto refuse = [&](Error error) {
    impl_->failed(error.code);
    return std::unexpected(std::move(error));
  };
  if (auto valid = model->validate(request.options); !valid) {
    return refuse(std::move(valid.error()));
  }
  const auto job =
      std::make_shared<Job>(*impl_, std::move(model), std::move(request), std::move(done));
  bool done_here = false;
  if (impl_->is_quick() && impl_->queue.run_here([&] {
        done_here = job->run_if_small();
        if (done_here) {
          job->finish_run();
        }
      }) &&
      done_here) {
    return Ticket();
  }
  auto id = impl_->queue.submit([job] { job->run(); }, [job] { job->finish_run(); });
  if (!id) {
    job->abandon();
    return refuse(std::move(id.error()));
  }
  return Ticket(job, impl_->queue, *id);
}

std::vector<ModelStatus> Service::status() const {
  const LoadedModel& model = *impl_->model;
  const dispatch::Device device = model.device();
  const auto* const slots = device == dispatch::Device::cpu ? model.cpu_slots() : model.npu_slots();
  return {{.name = model.name(),
           .version = model.version(),
           .task = std::string(model_file::task_name(model.info().task)),
           .sha256 = model.sha256(),
           .file_bytes = model.info().file_bytes,
           .device = device,
           .slots = size_of(slots),
           .threads_per_slot = model.config().threads_per_slot,
           .ready = impl_->is_ready(),
           .wanted = model.policy().wanted(),
           .state = model.policy().state(),
           .cpu_report = model.cpu_report(),
           .npu_report = model.npu_report(),
           .npu = model.npu_status()}};
}

bool Service::is_ready() const { return impl_->is_ready(); }
bool Service::is_draining() const { return impl_->draining; }

int Service::retry_after_seconds() const {
  const auto waiting = static_cast<double>(impl_->queue.waiting());
  const auto* const slots = impl_->model->device() == dispatch::Device::cpu
                                ? impl_->model->cpu_slots()
                                : impl_->model->npu_slots();
  const double seconds = waiting / static_cast<double>(size_of(slots)) *
                         static_cast<double>(impl_->invoke_ns.load()) * 1e-9;
  constexpr double longest = 60;
  return static_cast<int>(std::clamp(std::ceil(seconds), 1.0, longest));
}

bool Service::drain(Deadline deadline) {
  impl_->draining = true;
  impl_->queue.close();
  return impl_->queue.drain(deadline);
}

}  // namespace gantry::inference
