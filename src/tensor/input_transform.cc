#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "gantry/base/format.h"
#include "gantry/tensor/tensor.h"

namespace gantry {
namespace {

constexpr std::size_t samples = 256;

bool is_about(float scale, double wanted) noexcept {
  return std::abs(static_cast<double>(scale) - wanted) <= 0.02 * wanted;
}

/// Is this 8-bit input fed the sample's byte by those who publish such models?
bool takes_bytes(const std::optional<Quantization>& quantization) noexcept {
  return !quantization || is_about(quantization->scale, 1.0 / 128) ||
         is_about(quantization->scale, 1.0 / 255) || is_about(quantization->scale, 1.0);
}

/// The value of each channel, from a list that has one for all or one for each.
std::array<double, 3> per_channel(const std::vector<float>& values) {
  std::array<double, 3> all{};
  for (std::size_t c = 0; c < all.size(); ++c) {
    all.at(c) = values.at(std::min(c, values.size() - 1));
  }
  return all;
}

Result<> check(const TensorSpec& spec,
               const std::optional<InputTransform::Normalization>& normalization) {
  const auto refuse = [&](std::string_view wanted) {
    return fail(Code::failed_precondition, format_text("input \"{}\": want {}, got {}", spec.name,
                                                       wanted, spec.description()));
  };
  const Shape& shape = spec.shape;
  if (shape.size() != 4 || shape[0] != 1 || shape[1] < 1 || shape[2] < 1 ||
      (shape[3] != 1 && shape[3] != 3) || !spec.byte_size()) {
    return refuse("an image [1,height,width,3] or [1,height,width,1]");
  }
  if (spec.dtype != DType::uint8 && spec.dtype != DType::int8 && spec.dtype != DType::int16 &&
      spec.dtype != DType::float32) {
    return refuse("uint8, int8, int16 or float32");
  }
  if (spec.quantization &&
      (!std::isfinite(spec.quantization->scale) || spec.quantization->scale <= 0)) {
    return fail(Code::failed_precondition,
                format_text("input \"{}\": want a positive scale, got {}", spec.name,
                            spec.quantization->scale));
  }
  if (!normalization) {
    return {};
  }
  const auto channels = static_cast<std::size_t>(shape[3]);
  const auto has_right_size = [&](const std::vector<float>& values) {
    return values.size() == 1 || values.size() == channels;
  };
  if (!has_right_size(normalization->mean) || !has_right_size(normalization->stddev)) {
    return fail(
        Code::failed_precondition,
        format_text("input \"{}\": want 1 or {} values of mean and of stddev, got {} and {}",
                    spec.name, channels, normalization->mean.size(), normalization->stddev.size()));
  }
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const auto is_usable = [](float value) { return std::isfinite(value) && value > 0; };
  if (!std::ranges::all_of(normalization->mean, is_finite) ||
      !std::ranges::all_of(normalization->stddev, is_usable)) {
    return fail(
        Code::failed_precondition,
        format_text("input \"{}\": want finite mean and positive finite stddev", spec.name));
  }
  return {};
}

template <class T>
T quantize(double real, const Quantization& quantization) noexcept {
  // std::round rounds halves away from zero. The clamp comes before the cast: converting a number
  // out of range is undefined behaviour. `real` is finite, and so is the sum.
  const double value = std::round(real / static_cast<double>(quantization.scale)) +
                       static_cast<double>(quantization.zero_point);
  return static_cast<T>(std::clamp(value, static_cast<double>(std::numeric_limits<T>::min()),
                                   static_cast<double>(std::numeric_limits<T>::max())));
}

// The tables make every dtype and every normalisation cost one load and one store a sample.
template <class T>
void look_up_rgb(std::span<const std::uint8_t> rgb, const T* table, std::byte* out) noexcept {
  const T* const red = table;
  const T* const green = table + samples;
  const T* const blue = table + (2 * samples);
  for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
    const std::array<T, 3> pixel{red[rgb[i]], green[rgb[i + 1]], blue[rgb[i + 2]]};
    std::memcpy(out + (i * sizeof(T)), pixel.data(), sizeof(pixel));
  }
}

template <class T>
void look_up_luma(std::span<const std::uint8_t> rgb, const T* table, std::byte* out) noexcept {
  const std::size_t pixels = rgb.size() / 3;
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t* const pixel = rgb.data() + (i * 3);
    const unsigned luma =
        (pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16U;
    std::memcpy(out + (i * sizeof(T)), table + luma, sizeof(T));
  }
}

}  // namespace

Result<InputTransform> InputTransform::create(const TensorSpec& spec,
                                              std::optional<Normalization> normalization) {
  if (auto checked = check(spec, normalization); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  InputTransform transform;
  transform.height_ = spec.shape[1];
  transform.width_ = spec.shape[2];
  transform.channels_ = spec.shape[3];
  transform.dtype_ = spec.dtype;

  const bool is_8_bit = spec.dtype == DType::uint8 || spec.dtype == DType::int8;
  const bool is_float = spec.dtype == DType::float32;
  const bool is_plain = !is_float && !spec.quantization && !normalization;
  bool bytes = is_8_bit && !normalization && takes_bytes(spec.quantization);
  if (!normalization) {
    if (is_float) {
      normalization = {.mean = {127.5F}, .stddev = {127.5F}};
    } else if (is_plain) {
      normalization = {.mean = {0.0F}, .stddev = {1.0F}};
    } else {
      normalization = {.mean = {127.0F}, .stddev = {128.0F}};
    }
  }
  const auto mean = per_channel(normalization->mean);
  const auto stddev = per_channel(normalization->stddev);
  const Quantization quantization = spec.quantization.value_or(Quantization{});
  const unsigned sign_bit = spec.dtype == DType::int8 ? 0x80U : 0U;  // sample - 128 as a bit

  const auto channels = static_cast<std::size_t>(transform.channels_);
  int furthest = 0;  // from the byte, of any 8-bit value
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t sample = 0; sample < samples; ++sample) {
      const double real = (static_cast<double>(sample) - mean.at(c)) / stddev.at(c);
      if (is_float) {
        transform.table32_.push_back(static_cast<float>(real));
      } else if (spec.dtype == DType::int16) {
        transform.table16_.push_back(quantize<std::int16_t>(real, quantization));
      } else {
        const int value = spec.dtype == DType::int8 ? quantize<std::int8_t>(real, quantization)
                                                    : quantize<std::uint8_t>(real, quantization);
        const int byte = static_cast<int>(sample) - static_cast<int>(sign_bit);
        furthest = std::max(furthest, std::abs(value - byte));
        transform.table8_.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  bytes = bytes || (is_8_bit && furthest <= 1);
  if (bytes) {
    for (std::size_t i = 0; i < transform.table8_.size(); ++i) {
      transform.table8_[i] = static_cast<std::uint8_t>((i % samples) ^ sign_bit);
    }
  }
  transform.identity_ = bytes && spec.dtype == DType::uint8 && channels == 3;
  return transform;
}

Result<> InputTransform::apply(std::span<const std::uint8_t> rgb, std::span<std::byte> out) const {
  const std::size_t pixels = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  const std::size_t wanted = pixels * static_cast<std::size_t>(channels_) * dtype_size(dtype_);
  if (rgb.size() != pixels * 3 || out.size() != wanted) {
    return fail(Code::invalid_argument,
                format_text("want {} bytes of RGB for {} bytes of input tensor, got {} for {}",
                            pixels * 3, wanted, rgb.size(), out.size()));
  }
  const auto look_up = [&](const auto& table) {
    if (channels_ == 3) {
      look_up_rgb(rgb, table.data(), out.data());
    } else {
      look_up_luma(rgb, table.data(), out.data());
    }
  };
  if (identity_) {
    std::ranges::copy(std::as_bytes(rgb), out.begin());
  } else if (!table8_.empty()) {
    look_up(table8_);
  } else if (!table16_.empty()) {
    look_up(table16_);
  } else {
    look_up(table32_);
  }
  return {};
}

}  // namespace gantry
