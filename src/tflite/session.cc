#include "gantry/tflite/session.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <new>
#include <variant>

#include "delegate_impl.h"
#include "error_text.h"
#include "gantry/base/format.h"
#include "operator_profile.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/logger.h"

namespace gantry::tflite {
namespace {

template <auto Free>
struct FreeWith {
  void operator()(auto* p) const noexcept { Free(p); }
};
using ModelHandle = std::unique_ptr<TfLiteModel, FreeWith<TfLiteModelDelete>>;
using Options = std::unique_ptr<TfLiteInterpreterOptions, FreeWith<TfLiteInterpreterOptionsDelete>>;
using Interpreter = std::unique_ptr<TfLiteInterpreter, FreeWith<TfLiteInterpreterDelete>>;

/// TensorFlow Lite logs to stderr beside its error reporter ("INFO: Created … delegate"), and the C
/// API has no word for that.
void silence_log() {
  [[maybe_unused]] static const auto before =
      ::tflite::LoggerOptions::SetMinimumLogSeverity(::tflite::TFLITE_LOG_SILENT);
}

DType to_dtype(TfLiteType type) noexcept {
  switch (type) {
    case kTfLiteUInt8:
      return DType::uint8;
    case kTfLiteInt8:
      return DType::int8;
    case kTfLiteUInt16:
      return DType::uint16;
    case kTfLiteInt16:
      return DType::int16;
    case kTfLiteUInt32:
      return DType::uint32;
    case kTfLiteInt32:
      return DType::int32;
    case kTfLiteUInt64:
      return DType::uint64;
    case kTfLiteInt64:
      return DType::int64;
    case kTfLiteFloat16:
      return DType::float16;
    case kTfLiteFloat32:
      return DType::float32;
    case kTfLiteFloat64:
      return DType::float64;
    case kTfLiteBool:
      return DType::boolean;
    case kTfLiteString:
      return DType::string;
    case kTfLiteNoType:
    case kTfLiteComplex64:
    case kTfLiteComplex128:
    case kTfLiteResource:
    case kTfLiteVariant:
    case kTfLiteInt4:
      return DType::other;
  }
  return DType::other;  // a type newer than this list
}

/// Kernels make their scratch memory with new, whose exception passes through the C API.
std::unexpected<Error> out_of_memory() {
  return fail(Code::resource_exhausted, "TensorFlow Lite asked for more memory than there is");
}

bool has_shape(const TfLiteTensor* tensor, const Shape& shape) noexcept {
  const std::int32_t rank = TfLiteTensorNumDims(tensor);
  if (static_cast<std::size_t>(std::max(rank, 0)) != shape.size()) {
    return false;
  }
  for (std::int32_t i = 0; i < rank; ++i) {
    if (TfLiteTensorDim(tensor, i) != shape[static_cast<std::size_t>(i)]) {
      return false;
    }
  }
  return true;
}

Shape shape_of(const TfLiteTensor* tensor) {
  Shape shape;
  for (std::int32_t i = 0; i < TfLiteTensorNumDims(tensor); ++i) {
    shape.push_back(TfLiteTensorDim(tensor, i));
  }
  return shape;
}

TensorSpec describe(const TfLiteTensor* tensor) {
  TensorSpec spec;
  spec.dtype = to_dtype(TfLiteTensorType(tensor));
  spec.shape = shape_of(tensor);
  if (const char* name = TfLiteTensorName(tensor)) {
    spec.name = name;
  }
  // Scale 0 stands for none; per-axis quantisation, which inputs and outputs do not have, also
  // gives 0.
  const TfLiteQuantizationParams quantization = TfLiteTensorQuantizationParams(tensor);
  const bool is_float =
      spec.dtype == DType::float16 || spec.dtype == DType::float32 || spec.dtype == DType::float64;
  if (!is_float && std::isfinite(quantization.scale) && quantization.scale > 0) {
    spec.quantization = {.scale = quantization.scale, .zero_point = quantization.zero_point};
  }
  return spec;
}

}  // namespace

struct Model::Impl {
  // Declaration order is the lifetime contract: TensorFlow Lite keeps pointers to what stands
  // above.
  std::variant<SealedBytes, std::vector<std::byte>> file;
  ErrorText errors;
  ModelHandle model;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    const auto* const sealed = std::get_if<SealedBytes>(&file);
    return sealed != nullptr
               ? sealed->bytes()
               : std::span<const std::byte>(*std::get_if<std::vector<std::byte>>(&file));
  }
};

std::string runtime_version() { return TfLiteVersion(); }

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

std::span<const std::byte> Model::bytes() const noexcept { return impl_->bytes(); }

Result<std::shared_ptr<const Model>> Model::create(SealedBytes file) {
  return build(std::make_unique<Impl>(std::move(file), ErrorText{}, nullptr));
}

Result<std::shared_ptr<const Model>> Model::create(std::vector<std::byte> bytes) {
  return build(std::make_unique<Impl>(std::move(bytes), ErrorText{}, nullptr));
}

Result<std::shared_ptr<const Model>> Model::build(std::unique_ptr<Impl> impl) {
  silence_log();
  const std::span<const std::byte> bytes = impl->bytes();
  if (bytes.empty()) {
    return fail(Code::invalid_argument, "want a TensorFlow Lite model, got an empty file");
  }
  impl->model.reset(TfLiteModelCreateWithErrorReporter(bytes.data(), bytes.size(),
                                                       ErrorText::report, &impl->errors));
  if (impl->model == nullptr) {
    return fail(Code::invalid_argument, impl->errors.message());
  }
  return std::shared_ptr<const Model>(new Model(std::move(impl)));
}

struct Session::Impl {
  // Declaration order is the lifetime contract: members die bottom-up, and TensorFlow Lite asks
  // that model, delegates, error reporter and profiler outlive the interpreter made with them.
  std::shared_ptr<const Model> model;
  std::vector<Delegation> delegations;
  std::vector<std::unique_ptr<OfferedDelegate>> offers;  // null: nothing was offered
  ErrorText errors;
  std::unique_ptr<OperatorProfile> profile;
  Interpreter interpreter;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;

  [[nodiscard]] TfLiteTensor* input(std::size_t index) const noexcept {
    return TfLiteInterpreterGetInputTensor(interpreter.get(), static_cast<std::int32_t>(index));
  }
  [[nodiscard]] const TfLiteTensor* output(std::size_t index) const noexcept {
    return TfLiteInterpreterGetOutputTensor(interpreter.get(), static_cast<std::int32_t>(index));
  }
  [[nodiscard]] Result<> build(SessionOptions options);
  [[nodiscard]] Result<> prepare_inputs();
};

Result<> Session::Impl::build(SessionOptions options) {
  const Options made(TfLiteInterpreterOptionsCreate());
  TfLiteInterpreterOptionsSetNumThreads(made.get(), options.threads);
  TfLiteInterpreterOptionsSetErrorReporter(made.get(), ErrorText::report, &errors);
  if (options.profile) {
    profile = std::make_unique<OperatorProfile>();
    TfLiteInterpreterOptionsSetTelemetryProfiler(made.get(), profile->callbacks());
  }
  delegations = std::move(options.delegations);
  for (const Delegation& offer : delegations) {
    auto& added = offers.emplace_back();
    if (offer.operators.empty() || std::ranges::contains(offer.operators, true)) {
      added = std::make_unique<OfferedDelegate>(offer.delegate->impl_->inner, offer);
      TfLiteInterpreterOptionsAddDelegate(made.get(), added->get());
    }
  }
  interpreter.reset(TfLiteInterpreterCreate(model->impl_->model.get(), made.get()));
  if (interpreter == nullptr || TfLiteInterpreterAllocateTensors(interpreter.get()) != kTfLiteOk) {
    return fail(Code::invalid_argument, errors.message());
  }
  for (std::int32_t i = 0; i < TfLiteInterpreterGetInputTensorCount(interpreter.get()); ++i) {
    inputs.push_back(describe(input(static_cast<std::size_t>(i))));
  }
  for (std::int32_t i = 0; i < TfLiteInterpreterGetOutputTensorCount(interpreter.get()); ++i) {
    outputs.push_back(describe(output(static_cast<std::size_t>(i))));
  }
  return prepare_inputs();
}

Result<> Session::Impl::prepare_inputs() {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TfLiteTensor* const tensor = input(i);
    if (inputs[i].dtype == DType::string || inputs[i].dtype == DType::other) {
      return fail(Code::unimplemented, format_text("input \"{}\": want a tensor of numbers, got {}",
                                                   inputs[i].name, inputs[i].description()));
    }
    if (tensor->allocation_type == kTfLiteMmapRo) {
      return fail(Code::invalid_argument,
                  format_text("input \"{}\" is a constant of the model", inputs[i].name));
    }
    // The arena holds whatever was there before; an invoke before the first write has to be
    // repeatable, and to read no index that points anywhere.
    if (void* const data = TfLiteTensorData(tensor)) {
      std::memset(data, 0, TfLiteTensorByteSize(tensor));
    }
  }
  return {};
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<const Model> model,
                                                 SessionOptions options) {
  if (options.threads < 1) {
    return fail(Code::invalid_argument,
                format_text("want at least 1 thread, got {}", options.threads));
  }
  auto impl = std::make_unique<Impl>();
  impl->model = std::move(model);
  try {
    if (auto built = impl->build(std::move(options)); !built) {
      return std::unexpected(std::move(built).error());
    }
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

const std::vector<TensorSpec>& Session::inputs() const { return impl_->inputs; }
const std::vector<TensorSpec>& Session::outputs() const { return impl_->outputs; }

std::vector<Delegated> Session::delegated() const {
  std::vector<Delegated> taken;
  for (const auto& offer : impl_->offers) {
    taken.push_back(offer == nullptr ? Delegated{} : offer->taken());
  }
  return taken;
}

std::span<std::byte> Session::input(std::size_t index) {
  assert(index < impl_->inputs.size());
  const TfLiteTensor* const tensor = impl_->input(index);
  auto* const data = static_cast<std::byte*>(TfLiteTensorData(tensor));
  return data == nullptr ? std::span<std::byte>{} : std::span(data, TfLiteTensorByteSize(tensor));
}

std::span<const std::byte> Session::output(std::size_t index) const {
  assert(index < impl_->outputs.size());
  const TfLiteTensor* const tensor = impl_->output(index);
  const auto* const data = static_cast<const std::byte*>(TfLiteTensorData(tensor));
  return data == nullptr ? std::span<const std::byte>{}
                         : std::span(data, TfLiteTensorByteSize(tensor));
}

Result<> Session::invoke() {
  impl_->errors.clear();
  try {
    if (TfLiteInterpreterInvoke(impl_->interpreter.get()) != kTfLiteOk) {
      return fail(Code::unavailable, impl_->errors.message());
    }
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  for (std::size_t i = 0; i < impl_->outputs.size(); ++i) {
    const TfLiteTensor* const tensor = impl_->output(i);
    if (!has_shape(tensor, impl_->outputs[i].shape)) {
      impl_->outputs[i].shape = shape_of(tensor);
    }
  }
  return {};
}

std::vector<OperatorTime> Session::operator_times() const {
  return impl_->profile == nullptr ? std::vector<OperatorTime>{} : impl_->profile->times();
}

void Session::reset_operator_times() {
  if (impl_->profile != nullptr) {
    (*impl_->profile).reset();
  }
}

}  // namespace gantry::tflite
