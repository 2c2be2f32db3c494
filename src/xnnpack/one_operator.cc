#include "one_operator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "gantry/tflite/session.h"
#include "gantry/xnnpack/backend.h"

namespace gantry::xnnpack {
namespace {

::tflite::TensorType tensor_type(Type type) {
  switch (type) {
    case Type::float32:
      return ::tflite::TensorType_FLOAT32;
    case Type::uint8:
      return ::tflite::TensorType_UINT8;
    case Type::int8:
    case Type::int8_channels:
      return ::tflite::TensorType_INT8;
  }
  return ::tflite::TensorType_FLOAT32;
}

std::size_t count_of(const std::vector<std::int32_t>& shape) {
  std::size_t count = 1;
  for (const std::int32_t extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

constexpr float weight_scale = 0.02F;

void fill(tflite::Session& session, std::uint32_t seed) {
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    const auto bytes = session.input(i);
    if (session.inputs()[i].dtype == DType::float32) {
      for (std::size_t k = 0; k < bytes.size(); k += sizeof(float)) {
        const float value = std::uniform_real_distribution<float>(-4, 4)(random);
        std::memcpy(&bytes[k], &value, sizeof(value));
      }
    } else {
      std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
    }
  }
}

/// Adds what two outputs differ by.
void add_difference(const TensorSpec& spec, std::span<const std::byte> a,
                    std::span<const std::byte> b, Difference& result) {
  if (a.size() != b.size() || a.empty()) {
    result.largest = result.mean = INFINITY;
    return;
  }
  double largest = 0;
  double sum = 0;
  double size = 1;
  const std::size_t step = dtype_size(spec.dtype);
  for (std::size_t i = 0; i < a.size(); i += step) {
    double left = 0;
    double right = 0;
    if (spec.dtype == DType::float32) {
      float value = 0;
      std::memcpy(&value, &a[i], sizeof(value));
      left = value;
      std::memcpy(&value, &b[i], sizeof(value));
      right = value;
      size = std::max(size, std::fabs(left));
    } else if (spec.dtype == DType::int8) {
      left = static_cast<std::int8_t>(a[i]);
      right = static_cast<std::int8_t>(b[i]);
    } else {
      left = static_cast<std::uint8_t>(a[i]);
      right = static_cast<std::uint8_t>(b[i]);
    }
    if (!(std::isnan(left) && std::isnan(right))) {
      const double apart = std::fabs(left - right);
      largest = std::isnan(apart) ? INFINITY : std::max(largest, apart);
      sum += apart;
    }
  }
  result.largest = std::max(result.largest, largest / size);
  result.mean = std::max(result.mean,
                         sum / size / (static_cast<double>(a.size()) / static_cast<double>(step)));
}

}  // namespace

Maker::Maker(Type type, std::uint32_t seed)
    : type_(type), model_(std::make_unique<::tflite::ModelT>()), random_(seed) {
  model_->version = 3;
  model_->buffers.push_back(std::make_unique<::tflite::BufferT>());  // 0 stands for no data
  model_->subgraphs.push_back(std::make_unique<::tflite::SubGraphT>());
}

Step Maker::usual() const noexcept { return {0.05F, type_ == Type::uint8 ? 120 : -8}; }

std::int32_t Maker::add(::tflite::TensorType type, std::vector<std::int32_t> shape,
                        std::vector<std::uint8_t> data, const std::vector<float>& scales,
                        const std::vector<std::int64_t>& zeros, std::int32_t axis) {
  auto tensor = std::make_unique<::tflite::TensorT>();
  tensor->type = type;
  tensor->shape = std::move(shape);
  if (!data.empty()) {
    tensor->buffer = static_cast<std::uint32_t>(model_->buffers.size());
    model_->buffers.push_back(std::make_unique<::tflite::BufferT>());
    model_->buffers.back()->data = std::move(data);
  }
  if (!scales.empty()) {
    tensor->quantization = std::make_unique<::tflite::QuantizationParametersT>();
    tensor->quantization->scale = scales;
    tensor->quantization->zero_point = zeros;
    tensor->quantization->quantized_dimension = axis;
  }
  auto& tensors = model_->subgraphs.front()->tensors;
  tensor->name = "t" + std::to_string(tensors.size());
  tensors.push_back(std::move(tensor));
  return static_cast<std::int32_t>(tensors.size() - 1);
}

std::vector<std::uint8_t> Maker::random_bytes(const std::vector<std::int32_t>& shape,
                                              bool as_float) {
  const std::size_t count = count_of(shape);
  std::vector<std::uint8_t> bytes(as_float ? count * sizeof(float) : count);
  if (as_float) {
    for (std::size_t i = 0; i < count; ++i) {
      const float value = std::uniform_real_distribution<float>(-1, 1)(random_);
      std::memcpy(&bytes[i * sizeof(float)], &value, sizeof(value));
    }
  } else {
    // int8 weights never are -128: TensorFlow Lite's kernels count on that.
    std::ranges::generate(bytes, [&] {
      const auto value = static_cast<std::uint8_t>(random_());
      return type_ != Type::uint8 && value == 128 ? std::uint8_t{129} : value;
    });
  }
  return bytes;
}

std::int32_t Maker::input(std::vector<std::int32_t> shape, std::optional<Step> step) {
  const std::int32_t index = result(std::move(shape), step, false);
  model_->subgraphs.front()->inputs.push_back(index);
  return index;
}

std::int32_t Maker::result(std::vector<std::int32_t> shape, std::optional<Step> step,
                           bool is_output) {
  const Step used = step.value_or(usual());
  const std::int32_t index =
      is_float() ? add(::tflite::TensorType_FLOAT32, std::move(shape), {}, {}, {})
                 : add(tensor_type(type_), std::move(shape), {}, {used.scale}, {used.zero_point});
  if (is_output) {
    model_->subgraphs.front()->outputs.push_back(index);
  }
  return index;
}

std::int32_t Maker::result_of(Type type, std::vector<std::int32_t> shape,
                              std::optional<Step> step) {
  const Type mine = std::exchange(type_, type);
  const std::int32_t index = result(std::move(shape), step);
  type_ = mine;
  return index;
}

std::int32_t Maker::weights(std::vector<std::int32_t> shape, std::size_t channels) {
  auto data = random_bytes(shape, is_float());
  if (is_float()) {
    return add(::tflite::TensorType_FLOAT32, std::move(shape), std::move(data), {}, {});
  }
  std::vector<float> scales{weight_scale};
  if (type_ == Type::int8_channels) {
    scales.clear();
    for (std::int32_t i = 0; i < shape[channels]; ++i) {
      scales.push_back(weight_scale * std::uniform_real_distribution<float>(0.5F, 2)(random_));
    }
  }
  const std::vector<std::int64_t> zeros(scales.size(), type_ == Type::uint8 ? 131 : 0);
  return add(tensor_type(type_), std::move(shape), std::move(data), scales, zeros,
             static_cast<std::int32_t>(channels));
}

std::int32_t Maker::bias(std::int32_t count, float input_scale) {
  if (is_float()) {
    auto data = random_bytes({count}, true);
    return add(::tflite::TensorType_FLOAT32, {count}, std::move(data), {}, {});
  }
  std::vector<std::uint8_t> data(static_cast<std::size_t>(count) * sizeof(std::int32_t));
  for (std::size_t i = 0; i < data.size(); i += sizeof(std::int32_t)) {
    const auto value = std::uniform_int_distribution<std::int32_t>(-5000, 5000)(random_);
    std::memcpy(&data[i], &value, sizeof(value));
  }
  // The scales are those of the input times those of the weights made last.
  const auto& weights = *model_->subgraphs.front()->tensors.back()->quantization;
  std::vector<float> scales = weights.scale;
  for (float& scale : scales) {
    scale *= input_scale;
  }
  return add(::tflite::TensorType_INT32, {count}, std::move(data), scales,
             std::vector<std::int64_t>(scales.size(), 0));
}

std::int32_t Maker::constant(std::vector<std::int32_t> shape) {
  auto data = random_bytes(shape, is_float());
  const Step step = usual();
  return is_float() ? add(::tflite::TensorType_FLOAT32, std::move(shape), std::move(data), {}, {})
                    : add(tensor_type(type_), std::move(shape), std::move(data), {step.scale},
                          {step.zero_point});
}

std::int32_t Maker::half(std::int32_t constant) {
  auto& graph = *model_->subgraphs.front();
  const auto& tensor = *graph.tensors[static_cast<std::size_t>(constant)];
  auto shape = tensor.shape;
  const auto& wide = model_->buffers[tensor.buffer]->data;
  std::vector<std::uint8_t> data(wide.size() / sizeof(float) * sizeof(_Float16));
  for (std::size_t i = 0; i < wide.size() / sizeof(float); ++i) {
    float value = 0;
    std::memcpy(&value, &wide[i * sizeof(value)], sizeof(value));
    const auto narrow = static_cast<_Float16>(value);
    std::memcpy(&data[i * sizeof(narrow)], &narrow, sizeof(narrow));
  }
  const auto from = add(::tflite::TensorType_FLOAT16, shape, std::move(data), {}, {});
  const auto to = add(::tflite::TensorType_FLOAT32, std::move(shape), {}, {}, {});
  op(::tflite::BuiltinOperator_DEQUANTIZE, {from}, {to});
  return to;
}

std::int32_t Maker::integers(const std::vector<std::int32_t>& values) {
  std::vector<std::uint8_t> data(values.size() * sizeof(std::int32_t));
  std::memcpy(data.data(), values.data(), data.size());
  return add(::tflite::TensorType_INT32, {static_cast<std::int32_t>(values.size())},
             std::move(data), {}, {});
}

Step Maker::step_of_sum(std::int64_t count) const {
  // Bytes at random are 74 away from their mean, and the result shall be 50 away from its.
  const auto products = static_cast<float>(74 * 74) * std::sqrt(static_cast<float>(count));
  return {usual().scale * weight_scale * products / 50, usual().zero_point};
}

Result<Difference> compare(std::span<const std::byte> model, int threads, std::uint32_t seed) {
  auto loaded = tflite::Model::create(std::vector(model.begin(), model.end()));
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  auto graph = graph::read_graph((*loaded)->bytes());
  if (!graph) {
    return std::unexpected(graph.error());
  }
  auto backend = Backend::create(std::move(*graph));
  if (!backend) {
    return std::unexpected(backend.error());
  }
  const Choice& choice = (*backend)->choice();
  Difference result{.taken = choice.taken_count(), .operators = choice.operators.size()};
  for (const Decision& decision : choice.operators) {
    if (decision.rule != nullptr) {
      result.why = std::string(decision.rule->id) + ": " + decision.found;
      break;
    }
  }
  auto plain = tflite::Session::create(*loaded, {.threads = threads});
  if (!plain) {
    return std::unexpected(plain.error());
  }
  const auto invoke = [&](tflite::Session& session, std::uint32_t round) {
    fill(session, seed + round);
    return session.invoke();
  };
  // The second session takes over what was packed for the first.
  std::vector<std::unique_ptr<tflite::Session>> sessions;
  std::size_t packed = 0;
  for (int i = 0; i < 2; ++i) {
    auto fast = tflite::Session::create(
        *loaded, {.threads = threads, .delegations = {(*backend)->delegation(threads)}});
    if (!fast) {
      return std::unexpected(fast.error());
    }
    if ((*fast)->delegated().front().operators.size() != result.taken) {
      return fail(Code::internal, "TensorFlow Lite handed over another number of operators");
    }
    if (i > 0 && (*backend)->packed_bytes() != packed) {
      return fail(Code::internal, "a second session keeps weights of its own");
    }
    packed = (*backend)->packed_bytes();
    sessions.push_back(*std::move(fast));
  }
  for (std::uint32_t round = 0; round < 2; ++round) {
    if (auto invoked = invoke(**plain, round); !invoked) {
      return std::unexpected(invoked.error());
    }
    for (const auto& session : sessions) {
      if (auto invoked = invoke(*session, round); !invoked) {
        return std::unexpected(invoked.error());
      }
      for (std::size_t i = 0; i < (*plain)->outputs().size(); ++i) {
        add_difference((*plain)->outputs()[i], (*plain)->output(i), session->output(i), result);
      }
    }
  }
  return result;
}

}  // namespace gantry::xnnpack
