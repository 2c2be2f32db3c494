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

/// The name of XNNPACK's partitions in Session::operator_times().
inline constexpr std::string_view delegate_name = "XNNPACK";

/// Whether this host has the library. The first call loads it; it stays loaded until the process
/// ends.
/// Errors: not_found in the loader's words; unavailable if the library refuses this processor;
///         unimplemented if this program was built without it.
/// Threads: thread-safe.
[[nodiscard]] Result<> available();

/// XNNPACK for one model: the chosen operators, and the packed weights, which all sessions share.
/// Threads: thread-safe.
class Backend {
 public:
  /// `graph`: from graph::read_graph, on the bytes that the sessions' tflite::Model holds. These
  /// bytes must outlive the backend and everything made with it. `offered`: as in choose().
  /// Errors: those of available().
  [[nodiscard]] static Result<std::shared_ptr<Backend>> create(
      graph::Graph graph, const std::vector<bool>& offered = {});
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] const Choice& choice() const noexcept;

  /// A delegation for SessionOptions::delegations of one session. The session keeps all that it
  /// needs. `threads`: at least 1, the calling thread included; the others are started here and end
  /// with the session. They spin for some milliseconds after each invoke before they sleep.
  /// Session::create fails if XNNPACK refuses the graph after all; then make the session without
  /// the delegation.
  [[nodiscard]] tflite::Delegation delegation(int threads) const;

  /// Bytes of the weights in the form that XNNPACK reads; they are in memory once for all sessions.
  [[nodiscard]] std::size_t packed_bytes() const;

 private:
  struct Impl;
  explicit Backend(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gantry::xnnpack
