#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gantry::metrics {

using Labels = std::map<std::string, std::string>;

/// Counts up. Threads: thread-safe, like everything here.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1.0) = 0;
  [[nodiscard]] virtual double value() const = 0;
};
/// A value that goes up and down.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;
};
/// A distribution in cumulative buckets.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

/// Upper bounds for durations from 50 µs to 10 s, in seconds.
[[nodiscard]] const std::vector<double>& duration_buckets();

struct Series;

/// A function that runs before every expose() as long as this object lives. The destructor waits
/// while the function runs, so that objects which the function uses may be destroyed afterwards.
/// Therefore the function must not destroy its own Update, and must not wait for a lock that the
/// thread with the Update holds while it destroys it. May outlive the registry.
class Update {
 public:
  Update() = default;
  Update(Update&&) noexcept = default;
  Update& operator=(Update&& other) noexcept;
  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;
  ~Update() { end(); }

 private:
  friend class Registry;
  struct State;
  explicit Update(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void end() noexcept;

  std::shared_ptr<State> state_;
};

/// All metrics of a program. Names follow Prometheus' rules: base units, `_total` for counters;
/// asking twice for the same name and labels gives the same metric. A metric that is asked for here
/// stays for good, and references to it are valid as long as the registry. For metrics that end
/// earlier there is Scope. Threads: thread-safe.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                       const std::vector<double>& bounds = duration_buckets());

  /// Runs `update` before every expose(), for gauges whose values are kept elsewhere. One update
  /// never runs twice at the same time, even if several scrapes do.
  [[nodiscard]] Update on_expose(std::function<void()> update);

  /// Prometheus text format, version 0.0.4.
  [[nodiscard]] std::string expose() const;

 private:
  friend class Scope;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Metrics of something that comes and goes, such as a model version. A metric ends with the last
/// scope that asked for it, unless the registry itself was asked, too. Gauges end at once. Counters
/// and histograms are exposed once more, since a rate needs the events after the last scrape. A
/// scope that asks for one before that goes on counting. Threads: thread-safe; must not outlive the
/// registry.
class Scope {
 public:
  explicit Scope(Registry& registry);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// As Registry's functions; references are valid as long as the scope.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                       const std::vector<double>& bounds = duration_buckets());

 private:
  friend class Registry;
  Registry::Impl& registry_;
  std::set<Series*> uses_;  // guarded by the registry
};

}  // namespace gantry::metrics
