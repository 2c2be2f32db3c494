#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/graph/graph.h"
#include "gantry/tflite/delegate.h"
#include "gantry/xnnpack/rules.h"

namespace gantry::xnnpack {

/// What partitions are called in Session::operator_times().
inline constexpr std::string_view delegate_name = "XNNPACK";

/// Whether this host has the library; loads it, once. It stays loaded until the process ends.
/// Errors: not_found in the loader's words; unavailable if the library refuses this processor;
///         unimplemented if this program was built without it.
/// Threads: thread-safe.
[[nodiscard]] Result<> available();

/// One model's share in XNNPACK: what is chosen, and the packed weights, which its sessions have in
/// common. Threads: thread-safe.
class Backend {
 public:
  /// `graph`: as graph::read_graph made it, whose bytes outlive this and everything made with it:
  /// those that the sessions' tflite::Model holds. `offered`: as of choose().
  /// Errors: those of available().
  [[nodiscard]] static Result<std::shared_ptr<Backend>> create(
      graph::Graph graph, const std::vector<bool>& offered = {});
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] const Choice& choice() const noexcept;

  /// For SessionOptions::delegations of one session, which keeps all that it needs. `threads`: at
  /// least 1, the caller's counted; more are started here, and end with the session. They spin for
  /// some milliseconds after each invoke before they sleep.
  /// Session::create fails if XNNPACK refuses the graph after all; without the delegation it goes.
  [[nodiscard]] tflite::Delegation delegation(int threads) const;

  /// Weights in the form in which XNNPACK reads them, held once for all sessions.
  [[nodiscard]] std::size_t packed_bytes() const;

 private:
  struct Impl;
  explicit Backend(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gantry::xnnpack
