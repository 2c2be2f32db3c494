#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "gantry/base/format.h"
#include "gantry/postprocess/postprocess.h"

namespace gantry::postprocess {
namespace {

/// An element that may be among the best.
template <class T>
struct Candidate {
  T value;
  std::int32_t index;
};

/// Order of the answer: the greater value first, of equal ones the lower index.
template <class T>
bool is_before(const Candidate<T>& a, const Candidate<T>& b) noexcept {
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

template <class T>
T element(std::span<const std::byte> bytes, std::size_t index) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + (index * sizeof(T)), sizeof(T));
  return value;
}

/// What takes part in the comparison: NaN as the least, so that the order stays one.
template <class T>
T comparable(T value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value) ? -std::numeric_limits<T>::infinity() : value;
  } else {
    return value;
  }
}

/// The `k` best of N elements, best first. One pass; a candidate is inserted only if it beats the
/// worst of the k so far, which becomes rare at once.
template <class T>
std::vector<Candidate<T>> best_of(std::span<const std::byte> bytes, std::size_t count,
                                  std::size_t k) {
  std::vector<Candidate<T>> best;
  best.reserve(k);
  if (k > 64) {  // the insertions would cost more than a selection
    std::vector<Candidate<T>> all(count);
    for (std::size_t i = 0; i < count; ++i) {
      all[i] = {.value = comparable(element<T>(bytes, i)), .index = static_cast<std::int32_t>(i)};
    }
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(k);
    std::partial_sort(all.begin(), end, all.end(), is_before<T>);
    best.assign(all.begin(), end);
    return best;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const T value = comparable(element<T>(bytes, i));
    // Of equal values the earlier index is there already.
    if (best.size() == k && value <= best.back().value) {
      continue;
    }
    if (best.size() == k) {
      best.pop_back();
    }
    const Candidate<T> candidate{.value = value, .index = static_cast<std::int32_t>(i)};
    best.insert(std::ranges::upper_bound(best, candidate, is_before<T>), candidate);
  }
  return best;
}

/// The real value of an element. Without a quantisation, 8-bit scores span 0 to 1 as TensorFlow
/// Lite's own examples read them; scale 1 would make every score but 0 a certainty.
double scale_of(const TensorSpec& spec) noexcept {
  if (spec.quantization) {
    return static_cast<double>(spec.quantization->scale);
  }
  return spec.dtype == DType::uint8 ? 1.0 / 255.0 : 1.0;
}

template <class T>
std::vector<Class> classify_as(const TensorSpec& spec, std::span<const std::byte> bytes,
                               const ClassificationOptions& options) {
  const std::size_t count = bytes.size() / sizeof(T);
  const std::size_t k = std::min(static_cast<std::size_t>(options.top_k), count);
  const double scale = scale_of(spec);
  const double zero_point = spec.quantization ? spec.quantization->zero_point : 0;
  const auto real = [&](T value) { return scale * (static_cast<double>(value) - zero_point); };
  const std::vector<Candidate<T>> best = best_of<T>(bytes, count, k);

  // Softmax against the greatest logit, so that exp() never overflows. Where that is infinite, the
  // difference of two infinities is no number: those classes share the probability.
  double sum = 0;
  const double greatest = real(best.front().value);
  const auto weight = [&](double logit) {
    return logit == greatest ? 1.0 : std::exp(logit - greatest);
  };
  if (options.softmax) {
    for (std::size_t i = 0; i < count; ++i) {
      sum += weight(real(comparable(element<T>(bytes, i))));
    }
  }

  std::vector<Class> classes;
  classes.reserve(best.size());
  for (const Candidate<T>& candidate : best) {
    const T raw = element<T>(bytes, static_cast<std::size_t>(candidate.index));
    const double value = real(candidate.value);
    double probability = options.softmax ? weight(value) / sum : std::clamp(value, 0.0, 1.0);
    if constexpr (std::is_floating_point_v<T>) {
      probability = std::isnan(raw) ? 0.0 : probability;
    }
    if (probability < options.threshold) {
      break;  // the others have less
    }
    classes.push_back({.class_id = candidate.index,
                       .score = static_cast<double>(raw),
                       .probability = probability});
  }
  return classes;
}

}  // namespace

Result<std::vector<Class>> classify(const TensorSpec& spec, std::span<const std::byte> bytes,
                                    const ClassificationOptions& options) {
  const std::optional<std::size_t> wanted = spec.byte_size();
  constexpr std::size_t most_classes = std::numeric_limits<std::int32_t>::max();
  if (!wanted || *wanted == 0 || *wanted != bytes.size() ||
      bytes.size() / dtype_size(spec.dtype) > most_classes) {
    return fail(Code::invalid_argument, format_text("output \"{}\": want the bytes of {}, got {}",
                                                    spec.name, spec.description(), bytes.size()));
  }
  if (options.top_k < 1) {
    return fail(Code::invalid_argument,
                format_text("want top_k of at least 1, got {}", options.top_k));
  }
  switch (spec.dtype) {
    case DType::uint8:
      return classify_as<std::uint8_t>(spec, bytes, options);
    case DType::int8:
      return classify_as<std::int8_t>(spec, bytes, options);
    case DType::int16:
      return classify_as<std::int16_t>(spec, bytes, options);
    case DType::float32:
      return classify_as<float>(spec, bytes, options);
    case DType::uint16:
    case DType::uint32:
    case DType::int32:
    case DType::uint64:
    case DType::int64:
    case DType::float16:
    case DType::float64:
    case DType::boolean:
    case DType::string:
    case DType::other:
      break;
  }
  return fail(Code::invalid_argument,
              format_text("output \"{}\": want uint8, int8, int16 or float32 scores, got {}",
                          spec.name, spec.description()));
}

}  // namespace gantry::postprocess
