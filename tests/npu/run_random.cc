// Runs made-up graphs with TensorFlow Lite on the CPU and through Mesa's delegate behind the guard.
//   run_random LIBRARY FIRST COUNT
// FIRST: seed of the first graph. One line of JSON for each, written before the next one begins.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/tflite/delegate.h"
#include "net.h"
#include "trial.h"

namespace gantry::npu_test {
namespace {

/// One to five convolutions, some depthwise, uneven, strided or with ReLU, and sums between them.
std::unique_ptr<::tflite::ModelT> random_model(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t count) {
    return static_cast<std::int32_t>(random() % count);
  };
  Net net(seed);
  std::int32_t last = net.input({1, 4 + below(21), 0, 1 + below(70)}, below(256));
  net.tensor(last).shape[2] = below(4) == 0 ? 4 + below(21) : net.tensor(last).shape[1];
  std::vector<std::int32_t> earlier;
  const std::int32_t count = 1 + below(5);
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int32_t channels = net.tensor(last).shape[3];
    const std::int32_t kernel = below(2) == 0 ? 1 : 1 + below(5);
    const bool depthwise = below(3) == 0;
    // Towards shapes that can be added now and then.
    const std::int32_t out = below(2) == 0 ? channels : 1 + below(70);
    const std::int32_t zero_point = below(3) == 0 ? 0 : below(256);
    last = net.conv(last, {.out = depthwise ? channels * (below(6) == 0 ? 2 : 1) : out,
                           .kernel = kernel,
                           .stride = below(4) == 0 ? 2 : 1,
                           .depthwise = depthwise,
                           .activation = below(3) == 0 ? ::tflite::ActivationFunctionType_RELU
                                                       : ::tflite::ActivationFunctionType_NONE,
                           .zero_point = zero_point});
    for (const std::int32_t other : earlier) {
      if (net.tensor(other).shape == net.tensor(last).shape && below(2) == 0) {
        last = below(4) == 0 ? net.add(other, last) : net.add(last, other);
        break;
      }
    }
    earlier.push_back(last);
  }
  return net.with_outputs({last});
}

/// What a model is made of, for whoever has to find out why it is wrong.
std::string description(const graph::Graph& graph) {
  std::string out;
  for (const graph::Operator& op : graph.operators) {
    out += format_text("{}{} stride {}x{} activation {}", out.empty() ? "" : "; ", op.name,
                       op.stride_h, op.stride_w, std::to_underlying(op.activation));
    for (const auto* const tensors : {&op.inputs, &op.outputs}) {
      for (const std::int32_t index : *tensors) {
        if (index >= 0) {
          const graph::Tensor& tensor = graph.tensors[static_cast<std::size_t>(index)];
          out += format_text(" {}{}*{}+{}", index, to_string(tensor.shape),
                             tensor.scales.empty() ? 0 : tensor.scales.front(),
                             tensor.zero_points.empty() ? 0 : tensor.zero_points.front());
        }
      }
    }
  }
  return out;
}

std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int run(std::span<char*> words) {
  if (words.size() != 4) {
    print_line(stderr, "run_random: want LIBRARY FIRST COUNT");
    return 2;
  }
  const std::filesystem::path library = words[1];
  // One for all: Mesa leaves a file open for each that it has made (26.1.6 and 26.2.6).
  const auto delegate = tflite::Delegate::load(library);
  if (!delegate) {
    print_line(stderr, "run_random: {}", delegate.error().message);
    return 1;
  }
  const std::uint32_t first = number(words[2]);
  for (std::uint32_t seed = first; seed < first + number(words[3]); ++seed) {
    const auto result = try_graph(library, *delegate, *random_model(seed));
    if (!result) {
      print_line(stderr, "run_random: {}: {}", seed, result.error().message);
      return 1;
    }
    const bool is_right = result->largest <= most_steps;
    print_line(R"({{"seed":{},"steps":{},"delegated":{},"right":{},"graph":"{}"}})", seed,
               std::min(result->largest, 1e30), result->delegated, is_right,
               is_right ? "" : description(result->guarded.graph));
    std::fflush(stdout);  // what comes next may be the end
  }
  return 0;
}

}  // namespace
}  // namespace gantry::npu_test

int main(int argc, char** argv) {
  return gantry::npu_test::run_program("run_random", gantry::npu_test::run,
                                       {argv, static_cast<std::size_t>(argc)});
}
