#include <algorithm>
#include <cmath>

#include "gantry/base/format.h"
#include "gantry/postprocess/postprocess.h"

namespace gantry::postprocess {
namespace {

/// The rows that hold detections: the operator leaves the others as they were.
std::size_t valid_rows(float count, std::size_t rows) noexcept {
  if (!(count > 0)) {  // NaN, too
    return 0;
  }
  return count >= static_cast<float>(rows) ? rows : static_cast<std::size_t>(count);
}

}  // namespace

Result<std::vector<Detection>> detect(const DetectionTensors& tensors,
                                      const DetectionOptions& options) {
  const std::size_t rows = tensors.scores.size();
  if (tensors.classes.size() != rows || tensors.boxes.size() % 4 != 0 ||
      tensors.boxes.size() / 4 != rows) {
    return fail(Code::invalid_argument,
                format_text("want N classes, N scores and 4 N box coordinates, got {}, {} and {}",
                            tensors.classes.size(), rows, tensors.boxes.size()));
  }
  if (options.top_k < 1) {
    return fail(Code::invalid_argument,
                format_text("want top_k of at least 1, got {}", options.top_k));
  }
  constexpr float most_classes =
      1e6F;  // beyond it the number is no class, and no float is exact soon after
  std::vector<Detection> detections;
  for (std::size_t i = 0; i < valid_rows(tensors.count, rows); ++i) {
    const float score = tensors.scores[i];
    const float class_id = tensors.classes[i];
    const double probability = std::clamp(static_cast<double>(score), 0.0, 1.0);
    const std::span<const float> box = tensors.boxes.subspan(i * 4, 4);
    const bool is_number = std::ranges::none_of(box, [](float x) { return std::isnan(x); }) &&
                           !std::isnan(score) && class_id >= 0 && class_id < most_classes;
    if (!is_number || probability < options.threshold) {
      continue;
    }
    const Detection detection{
        .best = {.class_id = static_cast<std::int32_t>(class_id),
                 .score = static_cast<double>(score),
                 .probability = probability},
        .x_min = std::clamp(box[1], 0.0F, 1.0F),
        .y_min = std::clamp(box[0], 0.0F, 1.0F),
        .x_max = std::clamp(box[3], 0.0F, 1.0F),
        .y_max = std::clamp(box[2], 0.0F, 1.0F),
    };
    if (detection.x_min < detection.x_max && detection.y_min < detection.y_max) {
      detections.push_back(detection);
    }
  }
  std::ranges::stable_sort(detections, [](const Detection& a, const Detection& b) {
    return a.best.score > b.best.score;
  });
  if (detections.size() > static_cast<std::size_t>(options.top_k)) {
    detections.resize(static_cast<std::size_t>(options.top_k));
  }
  return detections;
}

}  // namespace gantry::postprocess
