#pragma once

#include <string>
#include <string_view>

#include "gantry/metrics/registry.h"

namespace gantry::inference {

/// How long a phase of a request took: read, decode, resize, queue, invoke, postprocess, write. All
/// phases are in one metric family; the layer that sees a phase observes it.
[[nodiscard]] inline metrics::Histogram& phase_histogram(metrics::Scope& scope,
                                                         const std::string& model,
                                                         const std::string& version,
                                                         std::string_view device,
                                                         std::string_view phase) {
  return scope.histogram("gantry_request_phase_duration_seconds",
                         "Time that one phase of a request took, by phase.",
                         {{"model", model},
                          {"version", version},
                          {"device", std::string(device)},
                          {"phase", std::string(phase)}});
}

}  // namespace gantry::inference
