#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

// The network of a MobileNet's file written straight against XNNPACK, without TensorFlow Lite and
// without this project's module: what the module's time is measured against.
namespace gantry::bench {

/// Runs the network once on what was last given; null for files with other operators than
/// quantised, per-tensor convolutions, depthwise ones, additions and a global average. What comes
/// behind the last of them (RESHAPE, SOFTMAX) is left out. `model` has to outlive it.
class Direct {
 public:
  [[nodiscard]] static std::unique_ptr<Direct> make(std::span<const std::byte> model, int threads);
  ~Direct();
  Direct(const Direct&) = delete;
  Direct& operator=(const Direct&) = delete;

  [[nodiscard]] std::span<std::byte> input();
  [[nodiscard]] bool invoke();

 private:
  struct Impl;
  explicit Direct(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::bench
