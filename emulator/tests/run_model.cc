// Runs a model with TensorFlow Lite on the CPU, and where a delegate library is given with that
// too, and says in one line of JSON how the two compare.
//   run_model MODEL [--delegate LIB] [--input FILE] [--runs N] [--each-node]
// --input: the bytes of the first input tensor; without it a fixed pattern. --each-node: hands the
// delegate one convolution at a time and compares what that one computes: all others run on the
// CPU, so that each layer gets exactly the CPU's input.
#include <dlfcn.h>
#include <tensorflow/lite/builtin_ops.h>
#include <tensorflow/lite/core/c/common.h>
#include <tensorflow/lite/interpreter.h>
#include <tensorflow/lite/interpreter_builder.h>
#include <tensorflow/lite/kernels/register.h>
#include <tensorflow/lite/model_builder.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Interpreter = std::unique_ptr<tflite::Interpreter>;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "run_model: %s\n", what.c_str());
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
}

/// The delegate of an external library behind one of ours, which hands the library the nodes that
/// it may see and clears what it forgets to: Mesa leaves two fields of its registration
/// uninitialised (rocket-npu.md B.2).
class GuardedDelegate {
 public:
  explicit GuardedDelegate(const std::string& path) {
    library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) {
      give_up(dlerror());  // NOLINT(concurrency-mt-unsafe)
    }
    using Create = TfLiteDelegate* (*)(char**, char**, std::size_t, void (*)(const char*));
    auto* create = reinterpret_cast<Create>(dlsym(library_, "tflite_plugin_create_delegate"));
    destroy_ = reinterpret_cast<Destroy>(dlsym(library_, "tflite_plugin_destroy_delegate"));
    if (create == nullptr || destroy_ == nullptr) {
      give_up(path + ": no delegate");
    }
    inner_ = create(nullptr, nullptr, 0, nullptr);
    if (inner_ == nullptr) {
      give_up("the library found no device");
    }
    outer_ = *inner_;
    outer_.data_ = this;
    outer_.Prepare = prepare;
    outer_.CopyFromBufferHandle = nullptr;
    outer_.FreeBufferHandle = nullptr;
  }
  GuardedDelegate(const GuardedDelegate&) = delete;
  GuardedDelegate& operator=(const GuardedDelegate&) = delete;
  ~GuardedDelegate() { destroy_(inner_); }

  /// The only node that the library gets to see.
  std::optional<int> only_node;

  [[nodiscard]] TfLiteDelegate* get() { return &outer_; }
  [[nodiscard]] int delegated() const { return delegated_; }

 private:
  using Destroy = void (*)(TfLiteDelegate*);

  static GuardedDelegate*& current() {
    static GuardedDelegate* delegate = nullptr;
    return delegate;
  }

  static TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
    auto& self = *static_cast<GuardedDelegate*>(delegate->data_);
    current() = &self;
    self.replace_ = context->ReplaceNodeSubsetsWithDelegateKernels;
    self.plan_ = context->GetExecutionPlan;
    context->ReplaceNodeSubsetsWithDelegateKernels = replace;
    context->GetExecutionPlan = plan;
    const TfLiteStatus status = self.inner_->Prepare(context, self.inner_);
    context->ReplaceNodeSubsetsWithDelegateKernels = self.replace_;
    context->GetExecutionPlan = self.plan_;
    return status;
  }

  static TfLiteStatus replace(TfLiteContext* context, TfLiteRegistration registration,
                              const TfLiteIntArray* nodes, TfLiteDelegate* delegate) {
    registration.async_kernel = nullptr;
    registration.inplace_operator = kTfLiteInplaceOpNone;
    current()->delegated_ = nodes->size;
    return current()->replace_(context, registration, nodes, delegate);
  }

  static TfLiteStatus plan(TfLiteContext* context, TfLiteIntArray** nodes) {
    auto& self = *current();
    if (!self.only_node) {
      return self.plan_(context, nodes);
    }
    self.one_.reset(TfLiteIntArrayCreate(1));
    self.one_->data[0] = *self.only_node;
    *nodes = self.one_.get();
    return kTfLiteOk;
  }

  void* library_ = nullptr;
  Destroy destroy_ = nullptr;
  TfLiteDelegate* inner_ = nullptr;
  TfLiteDelegate outer_{};
  decltype(TfLiteContext::ReplaceNodeSubsetsWithDelegateKernels) replace_ = nullptr;
  decltype(TfLiteContext::GetExecutionPlan) plan_ = nullptr;
  std::unique_ptr<TfLiteIntArray, decltype(&TfLiteIntArrayFree)> one_{nullptr, TfLiteIntArrayFree};
  int delegated_ = 0;
};

Interpreter make_interpreter(const tflite::FlatBufferModel& model, GuardedDelegate* delegate,
                             bool keep_all) {
  const tflite::ops::builtin::BuiltinOpResolverWithoutDefaultDelegates resolver;
  tflite::InterpreterOptions options;
  options.SetPreserveAllTensors(keep_all);
  Interpreter interpreter;
  if (tflite::InterpreterBuilder(model, resolver, &options)(&interpreter) != kTfLiteOk) {
    give_up("TensorFlow Lite refuses the model");
  }
  if (delegate != nullptr && interpreter->ModifyGraphWithDelegate(delegate->get()) != kTfLiteOk) {
    give_up("the delegate refuses the model");
  }
  if (interpreter->AllocateTensors() != kTfLiteOk) {
    give_up("no tensors");
  }
  return interpreter;
}

std::span<std::uint8_t> bytes_of(TfLiteTensor& tensor) {
  return {reinterpret_cast<std::uint8_t*>(tensor.data.raw), tensor.bytes};
}

void fill_input(tflite::Interpreter& interpreter, const std::string& file) {
  for (std::size_t i = 0; i < interpreter.inputs().size(); ++i) {
    const auto input = bytes_of(*interpreter.input_tensor(i));
    std::uint32_t state = 12345;
    for (auto& byte : input) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>(state >> 24U);
    }
    if (i == 0 && !file.empty()) {
      std::ifstream in(file, std::ios::binary);
      if (!in.read(reinterpret_cast<char*>(input.data()),
                   static_cast<std::streamsize>(input.size()))) {
        give_up(file + ": not as many bytes as the input has");
      }
    }
  }
}

double run_once(tflite::Interpreter& interpreter, const std::string& file) {
  fill_input(interpreter, file);
  const auto begin = std::chrono::steady_clock::now();
  if (interpreter.Invoke() != kTfLiteOk) {
    give_up("Invoke failed");
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

struct Difference {
  std::size_t size = 0;
  std::size_t different = 0;
  int largest = 0;
};

/// In steps of the least digit: bytes as the tensor's type has them; other types as raw bytes.
Difference compare(TfLiteTensor& a, TfLiteTensor& b) {
  const auto x = bytes_of(a);
  const auto y = bytes_of(b);
  Difference result{.size = x.size()};
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    const int step = a.type == kTfLiteInt8
                         ? static_cast<std::int8_t>(x[i]) - static_cast<std::int8_t>(y[i])
                         : x[i] - y[i];
    result.different += step != 0 ? 1 : 0;
    result.largest = std::max(result.largest, std::abs(step));
  }
  return result;
}

std::ptrdiff_t top_of(TfLiteTensor& tensor) {
  const auto bytes = bytes_of(tensor);
  return std::ranges::max_element(bytes) - bytes.begin();
}

bool is_convolution(const tflite::Interpreter& interpreter, int node) {
  const int code = interpreter.node_and_registration(node)->second.builtin_code;
  return code == kTfLiteBuiltinConv2d || code == kTfLiteBuiltinDepthwiseConv2d;
}

struct Options {
  std::string model;
  std::string delegate;
  std::string input;
  int runs = 1;
  bool each_node = false;
};

Options parse(std::span<char*> words) {
  Options options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const auto value = [&] { return std::string(i + 1 < words.size() ? words[++i] : ""); };
    if (word == "--delegate") {
      options.delegate = value();
    } else if (word == "--input") {
      options.input = value();
    } else if (word == "--runs") {
      options.runs =
          std::max(1, std::atoi(value().c_str()));  // NOLINT(*-err34-c,*-unchecked-string*)
    } else if (word == "--each-node") {
      options.each_node = true;
    } else {
      options.model = word;
    }
  }
  return options;
}

void compare_each_node(const Options& options, const tflite::FlatBufferModel& model) {
  const Interpreter cpu = make_interpreter(model, nullptr, true);
  run_once(*cpu, options.input);
  int worst = 0;
  int nodes = 0;
  std::string lines;
  for (const int node : cpu->execution_plan()) {
    if (!is_convolution(*cpu, node)) {
      continue;
    }
    GuardedDelegate delegate(options.delegate);
    delegate.only_node = node;
    const Interpreter npu = make_interpreter(model, &delegate, true);
    if (delegate.delegated() == 0) {
      continue;
    }
    run_once(*npu, options.input);
    const int output = cpu->node_and_registration(node)->first.outputs->data[0];
    const auto difference = compare(*cpu->tensor(output), *npu->tensor(output));
    worst = std::max(worst, difference.largest);
    ++nodes;
    std::array<char, 160> line{};
    std::snprintf(
        line.data(), line.size(), "%s{\"node\":%d,\"size\":%zu,\"different\":%zu,\"max\":%d}",
        lines.empty() ? "" : ",", node, difference.size, difference.different, difference.largest);
    lines += line.data();
  }
  std::printf("{\"nodes\":%d,\"max\":%d,\"each\":[%s]}\n", nodes, worst, lines.c_str());
}

void compare_whole(const Options& options, const tflite::FlatBufferModel& model) {
  const Interpreter cpu = make_interpreter(model, nullptr, false);
  const double cpu_ms = run_once(*cpu, options.input);
  std::printf("{\"cpu_ms\":%.1f", cpu_ms);
  if (options.delegate.empty()) {
    std::printf(",\"top1\":%td}\n", top_of(*cpu->output_tensor(0)));
    return;
  }
  GuardedDelegate delegate(options.delegate);
  const auto begin = std::chrono::steady_clock::now();
  const Interpreter npu = make_interpreter(model, &delegate, false);
  const std::chrono::duration<double, std::milli> load = std::chrono::steady_clock::now() - begin;
  std::printf(",\"delegated\":%d,\"load_ms\":%.1f,\"npu_ms\":[", delegate.delegated(),
              load.count());
  for (int i = 0; i < options.runs; ++i) {
    std::printf("%s%.1f", i == 0 ? "" : ",", run_once(*npu, options.input));
    std::fflush(stdout);
  }
  std::printf("],\"outputs\":[");
  for (std::size_t i = 0; i < cpu->outputs().size(); ++i) {
    auto& expected = *cpu->output_tensor(i);
    auto& found = *npu->output_tensor(i);
    const auto difference = compare(expected, found);
    std::printf("%s{\"size\":%zu,\"different\":%zu,\"max\":%d,\"top1\":[%td,%td]}",
                i == 0 ? "" : ",", difference.size, difference.different, difference.largest,
                top_of(expected), top_of(found));
  }
  std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse({argv, static_cast<std::size_t>(argc)});
  const auto model = tflite::FlatBufferModel::BuildFromFile(options.model.c_str());
  if (model == nullptr) {
    give_up(options.model + ": no model");
  }
  if (options.each_node) {
    compare_each_node(options, *model);
  } else {
    compare_whole(options, *model);
  }
}
