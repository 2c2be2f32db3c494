#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gantry/test/model_object.h"

namespace gantry::proof {

/// What goes wrong in the fake delegate. The delegate reads it from a file, which is removed with
/// this object.
class Faults {
 public:
  Faults() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
    ::setenv("GANTRY_FAKE_FAULT", path_.c_str(), 1);
    set("");
  }
  ~Faults() { std::filesystem::remove(path_); }
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  void set(const std::string& fault) const { std::ofstream(path_) << fault; }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("gantry_fault_" + std::to_string(::getpid()));
};

/// Operators 0 to 3: three convolutions and the addition of the third's and the first's result, of
/// uint8 [1,8,8,16]. Each output channel takes its own input channel and a little of the others, so
/// that results depend on inputs.
inline std::vector<std::byte> living_model() {
  const auto object = test::residual_object();
  auto& graph = *object->subgraphs.front();
  for (const auto& op : graph.operators) {
    if (op->inputs.size() < 3) {
      continue;  // the addition
    }
    auto& bias = *graph.tensors[static_cast<std::size_t>(op->inputs[2])];
    bias.quantization = std::make_unique<::tflite::QuantizationParametersT>();
    bias.quantization->scale = {0.05F * 0.05F};
    bias.quantization->zero_point = {0};
    const auto& weights = *graph.tensors[static_cast<std::size_t>(op->inputs[1])];
    auto& data = object->buffers[weights.buffer]->data;
    for (std::size_t i = 0; i < data.size(); ++i) {
      const bool own = i / 16 == i % 16;  // [out][1][1][in]
      data[i] = static_cast<std::uint8_t>(own ? 146 : 127 + (i % 3));
    }
  }
  return test::pack(*object);
}

}  // namespace gantry::proof
