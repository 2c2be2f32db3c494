#pragma once

#include <functional>
#include <map>
#include <memory>
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

/// All metrics of a program. Names follow Prometheus' rules: base units, `_total` for counters;
/// asking twice for the same name and labels gives the same metric. References stay valid as long
/// as the registry. Threads: thread-safe.
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

  /// Runs `update` before every expose(): for gauges that are read off somewhere else.
  void on_expose(std::function<void()> update);

  /// Prometheus text format, version 0.0.4.
  [[nodiscard]] std::string expose() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::metrics
