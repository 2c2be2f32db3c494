#include "comparison.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/sealed_bytes.h"

namespace gantry::npu_test {
namespace {

constexpr std::size_t largest_model = std::size_t{1} << 30U;

class Noise {
 public:
  std::uint8_t byte() {
    state_ = (state_ * 1664525U) + 1013904223U;  // Numerical Recipes' generator
    return static_cast<std::uint8_t>(state_ >> 24U);
  }
  float unit() { return (static_cast<float>(byte()) / 127.5F) - 1; }

 private:
  std::uint32_t state_ = 12345;
};

/// Elements as numbers: of quantised tensors the steps, of others the values.
std::vector<float> values_of(const Output& output) {
  const std::size_t size = dtype_size(output.spec.dtype);
  std::vector<float> values(size == 0 ? 0 : output.bytes.size() / size);
  if (!dequantize(output.bytes, output.spec.dtype, std::nullopt, values)) {
    values.clear();
  }
  return values;
}

}  // namespace

Result<std::shared_ptr<const tflite::Model>> make_model(std::span<const std::byte> bytes) {
  const auto path =
      std::filesystem::temp_directory_path() / format_text("gantry-npu-{}.tflite", ::getpid());
  if (auto written = write_file(path, bytes); !written) {
    return std::unexpected(written.error());
  }
  auto file = SealedBytes::read(path, largest_model);
  std::filesystem::remove(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  return tflite::Model::create(*std::move(file));
}

std::vector<std::vector<std::byte>> make_noise(const tflite::Session& session,
                                               std::span<const std::int32_t> parameters) {
  Noise noise;
  std::vector<std::vector<std::byte>> inputs;
  for (const TensorSpec& spec : session.inputs()) {
    std::vector<std::byte> bytes(spec.byte_size().value_or(0));
    if (spec.dtype == DType::float32) {
      for (std::size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
        const float value = noise.unit();
        std::memcpy(&bytes[i], &value, sizeof value);
      }
    } else if (spec.dtype == DType::int32) {
      std::memcpy(bytes.data(), parameters.data(), std::min(bytes.size(), parameters.size_bytes()));
    } else {
      std::ranges::generate(bytes, [&] { return std::byte{noise.byte()}; });
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

Result<std::vector<Output>> outputs_of(tflite::Session& session,
                                       const std::vector<std::vector<std::byte>>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::ranges::copy(inputs[i], session.input(i).begin());
  }
  if (auto done = session.invoke(); !done) {
    return std::unexpected(done.error());
  }
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < session.outputs().size(); ++i) {
    const auto bytes = session.output(i);
    outputs.push_back({.spec = session.outputs()[i], .bytes = {bytes.begin(), bytes.end()}});
  }
  return outputs;
}

Difference compare(const Output& wanted, const Output& found) {
  const std::vector<float> a = values_of(wanted);
  const std::vector<float> b = values_of(found);
  Difference result{.size = a.size()};
  if (a.size() != b.size()) {
    result.largest = std::numeric_limits<double>::infinity();
    return result;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) {
      continue;
    }
    ++result.different;
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    result.largest =
        std::max(result.largest,
                 std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
  }
  result.best_wanted = std::ranges::max_element(a) - a.begin();
  result.best_found = std::ranges::max_element(b) - b.begin();
  return result;
}

}  // namespace gantry::npu_test
