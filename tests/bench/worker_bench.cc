// What the border to a slot's child process costs. The slot in the child does nothing: its output
// is as many classes as MobileNet has, the first of them its first input bytes.
//
//   worker_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/text.h"
#include "gantry/worker/process_slot.h"
#include "gantry/worker/serve.h"

namespace {

using gantry::DType;
using gantry::TensorSpec;

constexpr std::int32_t kClasses = 1001;

class IdleSlot : public gantry::dispatch::ExecutionSlot {
 public:
  explicit IdleSlot(std::int32_t bytes)
      : inputs_{{.name = "in", .dtype = DType::uint8, .shape = {1, bytes}, .quantization = {}}},
        outputs_{
            {.name = "out", .dtype = DType::uint8, .shape = {1, kClasses}, .quantization = {}}},
        input_(static_cast<std::size_t>(bytes)),
        output_(kClasses) {}
  [[nodiscard]] gantry::dispatch::Device device() const noexcept override {
    return gantry::dispatch::Device::npu;
  }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  [[nodiscard]] std::span<std::byte> input(std::size_t /*index*/) override { return input_; }
  [[nodiscard]] std::span<const std::byte> output(std::size_t /*index*/) const override {
    return output_;
  }
  [[nodiscard]] gantry::Result<> invoke() override {
    std::copy_n(input_.begin(), std::min(input_.size(), output_.size()), output_.begin());
    return {};
  }

 private:
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<std::byte> input_;
  std::vector<std::byte> output_;
};

std::unique_ptr<gantry::worker::ProcessSlot> start(std::int64_t bytes) {
  auto slot = gantry::worker::ProcessSlot::start({.arguments = {"child", std::to_string(bytes)}});
  if (!slot) {
    std::abort();
  }
  return *std::move(slot);
}

/// Writes the input, invokes, looks at the output: what a request does.
void run(benchmark::State& state, gantry::dispatch::ExecutionSlot& slot) {
  const std::vector<std::byte> picture(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) {
    std::ranges::copy(picture, slot.input(0).begin());
    if (!slot.invoke() || slot.output(0).front() != std::byte{7}) {
      state.SkipWithError("a wrong answer");
      break;
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_RoundTrip(benchmark::State& state) {
  const auto slot = start(state.range(0));
  run(state, *slot);
}
BENCHMARK(BM_RoundTrip)->Arg(64)->Arg(224 * 224 * 3)->Arg(300 * 300 * 3)->UseRealTime();

void BM_InThisProcess(benchmark::State& state) {
  IdleSlot slot(static_cast<std::int32_t>(state.range(0)));
  run(state, slot);
}
BENCHMARK(BM_InThisProcess)->Arg(64)->Arg(224 * 224 * 3)->Arg(300 * 300 * 3)->UseRealTime();

/// From SIGKILL to the end of the first invoke of the new child.
void BM_Respawn(benchmark::State& state) {
  const auto slot = start(state.range(0));
  for (auto _ : state) {
    kill(slot->process_id(), SIGKILL);
    while (slot->invoke()) {  // it dies at its next turn
    }
    if (!slot->repair({}) || !slot->invoke()) {
      state.SkipWithError("it does not come back");
      break;
    }
  }
}
BENCHMARK(BM_Respawn)->Arg(224 * 224 * 3)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, argv + argc);
  if (arguments.size() == 3 && arguments[1] == "child") {
    const auto bytes = gantry::parse_int(arguments[2]).value_or(1);
    gantry::worker::serve(
        gantry::worker::slot_socket, [&]() -> gantry::Result<gantry::worker::MadeSlot> {
          return gantry::worker::MadeSlot{
              .slot = std::make_unique<IdleSlot>(static_cast<std::int32_t>(bytes)), .details = {}};
        });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
