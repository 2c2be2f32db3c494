// Runs a model with TensorFlow Lite on the CPU, and where a delegate library is given with that
// too, and says in one line of JSON how the two compare.
//   run_model MODEL [--delegate LIB] [--alone] [--picture FILE] [--runs N] [--each-node]
//             [--prove] [--dump DIR]
// --alone: without the guard. Where the delegate gets nothing, there is nothing to compare
// ("outputs" is empty). --picture: for models that take one; others and without it get noise.
// --each-node: offers the delegate one convolution at a time and compares what that one computes:
// all others run on the CPU, so that each layer gets exactly the CPU's input. --prove: says what
// the proof at load says ("passed", "words", "first_wrong"), of everything with --alone. --dump:
// writes every output's bytes to DIR/cpu-0, DIR/npu-0, …
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comparison.h"
#include "gantry/base/deadline.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/image/decode.h"
#include "gantry/image/resize.h"
#include "gantry/model_file/model_info.h"
#include "gantry/npu/cost.h"
#include "gantry/npu/guard.h"
#include "gantry/proof/proof.h"
#include "gantry/test/model_object.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"

namespace gantry::npu_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t largest_file = std::size_t{1} << 30U;

/// 4: what TensorFlow Lite or the library refuses, in words; 1: everything else.
[[noreturn]] void give_up(std::string_view what, int status = 1) {
  print_line(stderr, "run_model: {}", what);
  std::exit(status);  // NOLINT(concurrency-mt-unsafe): one thread
}
constexpr int refused = 4;

template <class T>
T need(Result<T> result, int status = refused) {
  if (!result) {
    give_up(result.error().message, status);
  }
  return *std::move(result);
}

struct Options {
  std::string model;
  std::string delegate;
  std::string picture;
  std::string dump;
  int runs = 1;
  bool each_node = false;
  bool prove = false;
  bool alone = false;
};

Options parse(std::span<char*> words) {
  Options options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const auto value = [&] { return std::string(i + 1 < words.size() ? words[++i] : ""); };
    if (word == "--delegate") {
      options.delegate = value();
    } else if (word == "--picture") {
      options.picture = value();
    } else if (word == "--dump") {
      options.dump = value();
    } else if (word == "--runs") {
      const std::string runs = value();
      std::from_chars(runs.data(), runs.data() + runs.size(), options.runs);
    } else if (word == "--each-node") {
      options.each_node = true;
    } else if (word == "--prove") {
      options.prove = true;
    } else if (word == "--alone") {
      options.alone = true;
    } else {
      options.model = word;
    }
  }
  return options;
}

/// The picture as the model wants it, over the noise of its first input.
void put_picture(const std::string& picture, const Bytes& model, std::vector<Bytes>& inputs) {
  const auto info = need(model_file::read_model(model));
  const auto transform = InputTransform::create(info.inputs.front(), info.normalization);
  if (!transform) {
    return;  // it takes none
  }
  const auto decoded = need(image::decode(need(read_file(picture, largest_file), 1)), 1);
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(transform->width()) *
                                static_cast<std::size_t>(transform->height()) * 3);
  image::Resizer resizer;
  if (!resizer.bilinear(decoded, transform->width(), transform->height(), rgb) ||
      !transform->apply(rgb, inputs.front())) {
    give_up(picture + ": cannot be made an input");
  }
}

std::vector<Bytes> inputs_for(const Options& options, const tflite::Session& session,
                              const Bytes& model) {
  auto inputs = make_noise(session);
  if (!options.picture.empty()) {
    put_picture(options.picture, model, inputs);
  }
  return inputs;
}

std::unique_ptr<tflite::Session> session_of(std::shared_ptr<const tflite::Model> model,
                                            std::vector<tflite::Delegation> delegations = {}) {
  return need(tflite::Session::create(std::move(model), {.delegations = std::move(delegations)}));
}

bool is_convolution(const graph::Operator& op) {
  return op.op == graph::Op::conv_2d || op.op == graph::Op::depthwise_conv_2d;
}

void compare_each_node(const Options& options, const Bytes& bytes) {
  const auto graph = need(graph::read_graph(bytes));
  // A model like this one that also answers with what each convolution computes.
  const auto object = test::unpack(bytes);
  auto& outputs = object->subgraphs.front()->outputs;
  outputs.clear();
  std::vector<std::size_t> nodes;
  for (std::size_t i = 0; i < graph.operators.size(); ++i) {
    if (is_convolution(graph.operators[i])) {
      nodes.push_back(i);
      outputs.push_back(graph.operators[i].outputs.front());
    }
  }
  object->signature_defs.clear();  // they name the outputs that it had
  const auto model = need(make_model(test::pack(*object)));
  const auto cpu = session_of(model);
  const auto inputs = inputs_for(options, *cpu, bytes);
  const auto wanted = need(outputs_of(*cpu, inputs));
  double worst = 0;
  std::string lines;
  std::size_t count = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<bool> offered(graph.operators.size(), false);
    offered[nodes[i]] = true;
    const auto delegate = need(tflite::Delegate::load(options.delegate));
    const auto npu = session_of(model, {{delegate, offered}});
    if (npu->delegated().front().operators.empty()) {
      continue;
    }
    const auto found = need(outputs_of(*npu, inputs));
    const Difference difference = compare(wanted[i], found[i]);
    worst = std::max(worst, difference.largest);
    ++count;
    lines += format_text(R"({}{{"node":{},"size":{},"different":{},"max":{}}})",
                         lines.empty() ? "" : ",", nodes[i], difference.size, difference.different,
                         difference.largest);
  }
  print_line(R"({{"nodes":{},"max":{},"each":[{}]}})", count, worst, lines);
}

void prove(const Options& options, const Bytes& bytes) {
  const auto guarded = need(npu::guard(bytes, options.delegate));
  const auto make = [&](std::vector<bool> offered) -> Result<tflite::Delegation> {
    return tflite::Delegate::load(options.delegate).transform([&](auto delegate) {
      return tflite::Delegation{.delegate = std::move(delegate), .operators = std::move(offered)};
    });
  };
  const auto may_offer = [&](const std::vector<bool>& these) {
    return options.alone ? these : guarded.offered_among(these);
  };
  const std::vector<bool> offered =
      options.alone ? std::vector<bool>(guarded.offered.size(), true) : guarded.offered;
  const auto report = need(proof::prove(bytes, offered, make, {.may_offer = may_offer}));
  print_line(R"({{"passed":{},"delegated":{},"partitions":{},"largest":{},"first_wrong":{}}})",
             report.passed, report.delegated, report.partitions, report.largest,
             report.first_wrong);
  print_line(stderr, "run_model: {}", report.words);
}

void dump(const Options& options, std::string_view name, const std::vector<Output>& outputs) {
  for (std::size_t i = 0; !options.dump.empty() && i < outputs.size(); ++i) {
    if (!write_file(format_text("{}/{}-{}", options.dump, name, i), outputs[i].bytes)) {
      give_up("cannot write to " + options.dump);
    }
  }
}

std::string json_of(const Output& wanted, const Output& found) {
  const Difference difference = compare(wanted, found);
  std::string shape;
  for (const std::int32_t extent : wanted.spec.shape) {
    shape += format_text("{}{}", shape.empty() ? "" : ",", extent);
  }
  // JSON has no infinity.
  return format_text(
      R"({{"dtype":"{}","shape":[{}],"size":{},"different":{},"max":{},"top1":[{},{}]}})",
      dtype_name(wanted.spec.dtype), shape, difference.size, difference.different,
      std::min(difference.largest, 1e30), difference.best_wanted, difference.best_found);
}

double ms_since(Clock::time_point begin) { return to_ms(Clock::now() - begin); }

/// How much of the model the NPU computes, for a model that the rules can read.
std::string share_words(const npu::Guarded& guarded, const tflite::Delegated& taken) {
  const npu::Cost cost = npu::cost_of(guarded.graph, guarded.classification);
  std::uint64_t macs = 0;
  for (const std::int32_t op : taken.operators) {
    macs += cost.macs[static_cast<std::size_t>(op)];
  }
  return format_text(R"(,"operators":{},"mesa":"{}","macs":{},"npu_macs":{})",
                     guarded.offered.size(), guarded.classification.mesa.text(), cost.total_macs,
                     macs);
}

void compare_whole(const Options& options, const Bytes& bytes) {
  // Before TensorFlow Lite, which ends the process on some of what this refuses.
  const auto guarded = npu::guard(bytes, options.delegate);
  if (!guarded && !options.alone) {
    give_up(guarded.error().message, refused);
  }
  const auto model = need(make_model(bytes));
  const auto cpu = session_of(model);
  const auto inputs = inputs_for(options, *cpu, bytes);
  std::string line = "{";
  std::vector<Output> found;
  bool same = false;
  // The delegate first: where it crashes, nobody needs the CPU's answer.
  if (!options.delegate.empty()) {
    tflite::Delegation delegation{.delegate = need(tflite::Delegate::load(options.delegate)),
                                  .operators = {}};
    if (!options.alone) {
      delegation.operators = guarded->offered;
    }
    Clock::time_point begin = Clock::now();
    const auto npu = session_of(model, {delegation});
    const tflite::Delegated taken = npu->delegated().front();
    same = taken.operators.empty();
    line += format_text(R"("load_ms":{:.1f},"delegated":{},"partitions":{}{},"npu_ms":[)",
                        ms_since(begin), taken.operators.size(), taken.partitions,
                        guarded ? share_words(*guarded, taken) : "");
    for (int i = 0; i < std::max(1, options.runs); ++i) {
      begin = Clock::now();
      found = need(outputs_of(*npu, inputs));
      line += format_text("{}{:.1f}", i == 0 ? "" : ",", ms_since(begin));
    }
    line += "],";
    dump(options, "npu", found);
  }
  if (same) {
    // Both are the same kernels on the same operators.
    print_line(R"({}"outputs":[]}})", line);
    return;
  }
  const Clock::time_point begin = Clock::now();
  const auto wanted = need(outputs_of(*cpu, inputs));
  line += format_text(R"("cpu_ms":{:.1f},"outputs":[)", ms_since(begin));
  dump(options, "cpu", wanted);
  for (std::size_t i = 0; i < found.size(); ++i) {
    line += (i == 0 ? "" : ",") + json_of(wanted[i], found[i]);
  }
  print_line("{}]}}", line);
}

}  // namespace

}  // namespace gantry::npu_test

int main(int argc, char** argv) {
  using namespace gantry::npu_test;
  const Options options = parse({argv, static_cast<std::size_t>(argc)});
  const Bytes bytes = need(gantry::read_file(options.model, largest_file), 1);
  if (options.each_node) {
    compare_each_node(options, bytes);
  } else if (options.prove) {
    prove(options, bytes);
  } else {
    compare_whole(options, bytes);
  }
}
