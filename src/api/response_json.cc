#include "gantry/api/response_json.h"

#include <cstring>
#include <span>

#include "gantry/tensor/tensor.h"
#include "json_text.h"

namespace gantry::api {
namespace {

constexpr int ms_decimals = 3;
constexpr int probability_decimals = 6;
constexpr int pixel_decimals = 2;

template <class T>
T element(std::span<const std::byte> bytes, std::size_t index) {
  T value{};
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void append_all(std::string& out, std::span<const std::byte> bytes) {
  const std::size_t count = bytes.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) {
      out += ',';
    }
    if constexpr (std::is_same_v<T, bool>) {
      out += bytes[i] != std::byte{0} ? "true" : "false";
    } else if constexpr (std::is_integral_v<T>) {
      append_integer(out, element<T>(bytes, i));
    } else {
      append_number(out, element<T>(bytes, i));
    }
  }
}

void append_real(std::string& out, const inference::RawOutput& output) {
  const std::size_t size = dtype_size(output.spec.dtype);
  if (size == 0) {
    return;
  }
  std::vector<float> real(output.bytes.size() / size);
  if (dequantize(output.bytes, output.spec.dtype, output.spec.quantization, real)) {
    append_all<float>(out, std::as_bytes(std::span(real)));
  }
}

/// Quantised elements as the real numbers that they mean, others as they are. Strings have no
/// numbers.
void append_data(std::string& out, const inference::RawOutput& output) {
  if (output.spec.quantization) {
    append_real(out, output);
    return;
  }
  switch (output.spec.dtype) {
    case DType::uint8:
      append_all<std::uint8_t>(out, output.bytes);
      return;
    case DType::int8:
      append_all<std::int8_t>(out, output.bytes);
      return;
    case DType::uint16:
      append_all<std::uint16_t>(out, output.bytes);
      return;
    case DType::int16:
      append_all<std::int16_t>(out, output.bytes);
      return;
    case DType::uint32:
      append_all<std::uint32_t>(out, output.bytes);
      return;
    case DType::int32:
      append_all<std::int32_t>(out, output.bytes);
      return;
    case DType::uint64:
      append_all<std::uint64_t>(out, output.bytes);
      return;
    case DType::int64:
      append_all<std::int64_t>(out, output.bytes);
      return;
    case DType::float32:
      append_all<float>(out, output.bytes);
      return;
    case DType::float64:
      append_all<double>(out, output.bytes);
      return;
    case DType::boolean:
      append_all<bool>(out, output.bytes);
      return;
    case DType::float16:
      append_real(out, output);
      return;
    case DType::string:
    case DType::other:
      return;
  }
}

void append_shape(std::string& out, const Shape& shape) {
  out += to_string(shape);  // "[1,1001]" is JSON
}

void append_prediction(std::string& out, const inference::Prediction& prediction) {
  out += R"({"class_id":)";
  append_integer(out, prediction.class_id);
  out += R"(,"label":)";
  append_string(out, prediction.label);
  out += R"(,"score":)";
  append_number(out, prediction.score);
  out += R"(,"probability":)";
  append_rounded(out, prediction.probability, probability_decimals);
  if (prediction.box) {
    const auto edge = [&out](std::string_view name, double value) {
      out += name;
      append_rounded(out, value, pixel_decimals);
    };
    edge(R"(,"box":{"x_min":)", prediction.box->x_min);
    edge(R"(,"y_min":)", prediction.box->y_min);
    edge(R"(,"x_max":)", prediction.box->x_max);
    edge(R"(,"y_max":)", prediction.box->y_max);
    out += '}';
  }
  out += '}';
}

void append_raw_output(std::string& out, const inference::RawOutput& output) {
  out += R"({"name":)";
  append_string(out, output.spec.name);
  out += R"(,"datatype":)";
  // What the data are, which for a quantised tensor is not what the tensor is.
  const auto& quantization = output.spec.quantization;
  append_string(out, dtype_name(quantization ? DType::float32 : output.spec.dtype));
  if (quantization) {
    out += R"(,"quantized":{"datatype":)";
    append_string(out, dtype_name(output.spec.dtype));
    out += R"(,"scale":)";
    append_number(out, quantization->scale);
    out += R"(,"zero_point":)";
    append_integer(out, quantization->zero_point);
    out += '}';
  }
  out += R"(,"shape":)";
  append_shape(out, output.spec.shape);
  out += R"(,"data":[)";
  append_data(out, output);
  out += "]}";
}

/// The elements of `range`, with commas between.
template <class Range, class Append>
void append_list(std::string& out, const Range& range, Append append) {
  bool is_first = true;
  for (const auto& element : range) {
    if (!std::exchange(is_first, false)) {
      out += ',';
    }
    append(out, element);
  }
}

}  // namespace

std::string response_json(const inference::Response& response) {
  std::string out;
  constexpr std::size_t usual_size = 1024;
  out.reserve(usual_size);
  out += R"({"success":true,"predictions":[)";
  append_list(out, response.predictions, append_prediction);
  out += R"(],"inference_time_ms":)";
  append_rounded(out, to_ms(response.timings.invoke), ms_decimals);
  out += R"(,"shape":)";
  append_shape(out, response.shape);
  out += R"(,"model":)";
  append_string(out, response.model);
  out += R"(,"version":)";
  append_string(out, response.version);
  out += R"(,"device":)";
  append_string(out, dispatch::device_name(response.device));
  const auto phase = [&out](std::string_view name, Clock::duration time) {
    out += name;
    append_rounded(out, to_ms(time), ms_decimals);
  };
  phase(R"(,"timings_ms":{"decode":)", response.timings.decode);
  phase(R"(,"resize":)", response.timings.resize);
  phase(R"(,"queue":)", response.timings.queue);
  phase(R"(,"invoke":)", response.timings.invoke);
  phase(R"(,"postprocess":)", response.timings.postprocess);
  out += R"(},"image":{"width":)";
  append_integer(out, response.image_width);
  out += R"(,"height":)";
  append_integer(out, response.image_height);
  out += '}';
  if (!response.raw_outputs.empty()) {
    out += R"(,"outputs":[)";
    append_list(out, response.raw_outputs, append_raw_output);
    out += ']';
  }
  out += '}';
  return out;
}

}  // namespace gantry::api
