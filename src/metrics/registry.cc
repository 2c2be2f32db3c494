#include "gantry/metrics/registry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <deque>
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

}  // namespace

// NOLINTNEXTLINE(misc-use-internal-linkage): Series, which the header declares, points to it
class FamiliesBase {
 public:
  FamiliesBase() = default;
  virtual ~FamiliesBase() = default;
  FamiliesBase(const FamiliesBase&) = delete;
  FamiliesBase& operator=(const FamiliesBase&) = delete;
  /// `series` does not exist after that, nor its family if it was the last.
  virtual void remove(const Series& series) = 0;
};

/// One metric with its labels, and who uses it.
struct Series {
  explicit Series(FamiliesBase& its_home) : home(&its_home) {}
  virtual ~Series() = default;
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  FamiliesBase* home;
  std::string name;
  Labels labels;
  bool is_cumulative = true;
  bool is_for_good = false;
  std::size_t scopes = 0;
};

namespace {

/// All families of one type.
template <class Native, class Wrapper>
class Families final : public FamiliesBase {
 public:
  struct TypedSeries final : Series {
    TypedSeries(FamiliesBase& its_home, Native& its_native)
        : Series(its_home), native(&its_native), wrapper(its_native) {}
    Native* native;
    Wrapper wrapper;
  };

  explicit Families(prometheus::Registry& registry) : registry_(&registry) {}

  template <class... Args>
  TypedSeries& get(auto build, const std::string& name, const std::string& help,
                   const Labels& labels, const Args&... args) {
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      auto& family = build().Name(name).Help(help).Register(*registry_);
      found = by_name_.emplace(name, Entry{.family = &family, .series = {}}).first;
    }
    Entry& entry = found->second;
    if (const auto known = entry.series.find(labels); known != entry.series.end()) {
      return *known->second;
    }
    auto made = std::make_unique<TypedSeries>(*this, entry.family->Add(labels, args...));
    made->name = name;
    made->labels = labels;
    return *entry.series.emplace(labels, std::move(made)).first->second;
  }

  void remove(const Series& series) override {
    const auto entry = by_name_.find(series.name);
    const auto found = entry->second.series.find(series.labels);
    entry->second.family->Remove(found->second->native);
    entry->second.series.erase(found);
    if (entry->second.series.empty()) {
      registry_->Remove(*entry->second.family);
      by_name_.erase(entry);
    }
  }

 private:
  struct Entry {
    prometheus::Family<Native>* family;
    std::map<Labels, std::unique_ptr<TypedSeries>> series;
  };
  prometheus::Registry* registry_;
  std::map<std::string, Entry> by_name_;
};

/// More series than that do not wait for a scrape, which may never come.
constexpr std::size_t max_retired = 4096;

}  // namespace

struct Update::State {
  std::mutex mutex;  ///< held while the update runs
  std::function<void()> update;
};

struct Registry::Impl {
  /// With the mutex held. Who asks is `scope`, or null for the registry itself.
  void use(Series& series, Scope* scope);
  void let_go(Series& series);

  // The library checks names and labels and throws on a bad one, which is our own mistake.
  prometheus::Registry registry;
  std::mutex mutex;
  Families<prometheus::Counter, PrometheusCounter> counters{registry};
  Families<prometheus::Gauge, PrometheusGauge> gauges{registry};
  Families<prometheus::Histogram, PrometheusHistogram> histograms{registry};
  /// Used by nobody; to be exposed once more. The oldest first.
  std::deque<Series*> retired;
  std::vector<std::weak_ptr<Update::State>> updates;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels,
                   Scope* scope) {
    const std::scoped_lock lock(mutex);
    auto& series = counters.get(prometheus::BuildCounter, name, help, labels);
    use(series, scope);
    return series.wrapper;
  }
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels,
               Scope* scope) {
    const std::scoped_lock lock(mutex);
    auto& series = gauges.get(prometheus::BuildGauge, name, help, labels);
    series.is_cumulative = false;
    use(series, scope);
    return series.wrapper;
  }
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels,
                       const std::vector<double>& bounds, Scope* scope) {
    const std::scoped_lock lock(mutex);
    auto& series = histograms.get(prometheus::BuildHistogram, name, help, labels, bounds);
    use(series, scope);
    return series.wrapper;
  }
};

void Registry::Impl::use(Series& series, Scope* scope) {
  const bool was_used = series.is_for_good || series.scopes > 0;
  if (scope == nullptr) {
    series.is_for_good = true;
  } else if (scope->uses_.insert(&series).second) {
    ++series.scopes;
  }
  if (!was_used) {
    std::erase(retired, &series);
  }
}

void Registry::Impl::let_go(Series& series) {
  if (--series.scopes > 0 || series.is_for_good) {
    return;
  }
  if (!series.is_cumulative) {
    series.home->remove(series);
    return;
  }
  retired.push_back(&series);
  if (retired.size() > max_retired) {
    const Series& oldest = *retired.front();
    retired.pop_front();
    oldest.home->remove(oldest);
  }
}

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
  return impl_->counter(name, help, labels, nullptr);
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->gauge(name, help, labels, nullptr);
}

Histogram& Registry::histogram(const std::string& name, const std::string& help,
                               const Labels& labels, const std::vector<double>& bounds) {
  return impl_->histogram(name, help, labels, bounds, nullptr);
}

Update Registry::on_expose(std::function<void()> update) {
  auto state = std::make_shared<Update::State>();
  state->update = std::move(update);
  const std::scoped_lock lock(impl_->mutex);
  std::erase_if(impl_->updates, [](const auto& known) { return known.expired(); });
  impl_->updates.emplace_back(state);
  return Update(std::move(state));
}

std::string Registry::expose() const {
  std::vector<std::shared_ptr<Update::State>> updates;
  {
    const std::scoped_lock lock(impl_->mutex);
    for (const auto& known : impl_->updates) {
      if (auto state = known.lock()) {
        updates.push_back(std::move(state));
      }
    }
  }
  for (const auto& state : updates) {  // outside the registry's lock: one may ask for a metric
    const std::scoped_lock lock(state->mutex);
    if (state->update) {
      state->update();
    }
  }
  std::vector<prometheus::MetricFamily> families;
  {
    const std::scoped_lock lock(impl_->mutex);
    families = impl_->registry.Collect();
    for (const Series* const series : std::exchange(impl_->retired, {})) {
      series->home->remove(*series);
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

Update& Update::operator=(Update&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
  }
  return *this;
}

void Update::end() noexcept {
  if (const auto state = std::exchange(state_, nullptr)) {
    std::function<void()> update;  // what it holds goes after the lock
    const std::scoped_lock lock(state->mutex);
    update.swap(state->update);
  }
}

Scope::Scope(Registry& registry) : registry_(*registry.impl_) {}

Scope::~Scope() {
  const std::scoped_lock lock(registry_.mutex);
  for (Series* const series : uses_) {
    registry_.let_go(*series);
  }
}

Counter& Scope::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return registry_.counter(name, help, labels, this);
}

Gauge& Scope::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return registry_.gauge(name, help, labels, this);
}

Histogram& Scope::histogram(const std::string& name, const std::string& help, const Labels& labels,
                            const std::vector<double>& bounds) {
  return registry_.histogram(name, help, labels, bounds, this);
}

}  // namespace gantry::metrics
