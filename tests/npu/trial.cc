#include "trial.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "comparison.h"
#include "gantry/test/model_object.h"
#include "gantry/tflite/session.h"

namespace gantry::npu_test {
namespace {

/// What a session made of the same input, twice.
struct Run {
  std::array<std::vector<Output>, 2> outputs;
  std::size_t delegated;
};

}  // namespace

Result<Trial> try_graph(const std::filesystem::path& library,
                        const std::shared_ptr<const tflite::Delegate>& delegate,
                        const ::tflite::ModelT& object, const TrialOptions& options) {
  const auto bytes = test::pack(object);
  auto guarded = npu::guard(bytes, library);
  if (!guarded && options.is_guarded) {
    return std::unexpected(guarded.error());
  }
  const auto model = make_model(bytes);
  if (!model) {
    return std::unexpected(model.error());
  }
  tflite::Delegation delegation{.delegate = delegate, .operators = {}};
  if (options.is_guarded) {
    delegation.operators = guarded->offered;
  }
  const auto run = [&](tflite::SessionOptions how) -> Result<Run> {
    const auto session = tflite::Session::create(*model, std::move(how));
    if (!session) {
      return std::unexpected(session.error());
    }
    Run done{.outputs = {}, .delegated = 0};
    const auto inputs = make_noise(**session, options.parameters);
    for (const tflite::Delegated& taken : (*session)->delegated()) {
      done.delegated += taken.operators.size();
    }
    for (auto& outputs : done.outputs) {
      auto found = outputs_of(**session, inputs);
      if (!found) {
        return std::unexpected(found.error());
      }
      outputs = *std::move(found);
    }
    return done;
  };
  // The delegate first: of a graph that TensorFlow Lite refuses it may make a crash.
  const auto npu = run({.delegations = {std::move(delegation)}});
  if (!npu) {
    return std::unexpected(npu.error());
  }
  const auto cpu = run({});
  if (!cpu) {
    return std::unexpected(cpu.error());
  }
  Trial trial{.largest = 0,
              .delegated = npu->delegated,
              .guarded = guarded ? *std::move(guarded) : npu::Guarded{}};
  for (const auto& found : npu->outputs) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      trial.largest = std::max(trial.largest, compare(cpu->outputs.front()[i], found[i]).largest);
    }
  }
  return trial;
}

int run_program(const char* name, int (*run)(std::span<char*> words),
                std::span<char*> words) noexcept {
  try {
    return run(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace gantry::npu_test
