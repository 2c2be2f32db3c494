#include "gantry/metrics/registry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>

namespace gantry::metrics {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(&counter) {}
  void add(double amount) override { counter_->Increment(amount); }
  [[nodiscard]] double value() const override { return counter_->Value(); }

 private:
  prometheus::Counter* counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  void set(double value) override { gauge_->Set(value); }
  void add(double amount) override { gauge_->Increment(amount); }

 private:
  prometheus::Gauge* gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  void observe(double value) override { histogram_->Observe(value); }

 private:
  prometheus::Histogram* histogram_;
};

/// One family of one type with the metrics made from it, by labels.
template <class Native, class Wrapper>
struct Families {
  struct Entry {
    prometheus::Family<Native>* family;
    std::map<Labels, std::unique_ptr<Wrapper>> metrics;
  };
  std::map<std::string, Entry> by_name;

  template <class... Args>
  Wrapper& get(prometheus::Registry& registry, auto build, const std::string& name,
               const std::string& help, const Labels& labels, const Args&... args) {
    auto found = by_name.find(name);
    if (found == by_name.end()) {
      auto& family = build().Name(name).Help(help).Register(registry);
      found = by_name.emplace(name, Entry{.family = &family, .metrics = {}}).first;
    }
    auto& wrapper = found->second.metrics[labels];
    if (!wrapper) {
      wrapper = std::make_unique<Wrapper>(found->second.family->Add(labels, args...));
    }
    return *wrapper;
  }
};

}  // namespace

struct Registry::Impl {
  // The library checks names and labels and throws on a bad one, which is our own mistake.
  prometheus::Registry registry;
  mutable std::mutex mutex;
  Families<prometheus::Counter, PrometheusCounter> counters;
  Families<prometheus::Gauge, PrometheusGauge> gauges;
  Families<prometheus::Histogram, PrometheusHistogram> histograms;
  std::vector<std::function<void()>> updates;
};

const std::vector<double>& duration_buckets() {
  // 1-2.5-5 steps: a hello takes 0.1 ms, MobileNetV1 16 ms on the NPU and 7 to 80 ms on a CPU, a
  // large model seconds.
  static const std::vector<double> bounds{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                          0.005,   0.01,   0.025,   0.05,   0.1,   0.25,
                                          0.5,     1.0,    2.5,     5.0,    10.0};
  return bounds;
}

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->counters.get(impl_->registry, prometheus::BuildCounter, name, help, labels);
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->gauges.get(impl_->registry, prometheus::BuildGauge, name, help, labels);
}

Histogram& Registry::histogram(const std::string& name, const std::string& help,
                               const Labels& labels, const std::vector<double>& bounds) {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->histograms.get(impl_->registry, prometheus::BuildHistogram, name, help, labels,
                               bounds);
}

void Registry::on_expose(std::function<void()> update) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->updates.push_back(std::move(update));
}

std::string Registry::expose() const {
  std::vector<std::function<void()>> updates;
  {
    const std::scoped_lock lock(impl_->mutex);
    updates = impl_->updates;
  }
  for (const auto& update : updates) {  // outside the lock: an update may ask for a metric
    update();
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace gantry::metrics
