#include "cbuf.h"

#include <algorithm>

namespace gantry::npu {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Slices along the hardware's height: each begins at the first window that the one before it left.
std::size_t count_slices(const ConvShape& shape, std::int64_t rows) {
  // The hardware's height is the tensor's second extent but one from the end: Mesa swaps the axes.
  const std::int64_t height = shape.width;
  const std::int64_t pad_before = shape.padding_width() / 2;
  std::size_t slices = 1;
  std::int64_t begin = 0;
  std::int64_t pad = pad_before;
  while (begin + rows < height) {
    const std::int64_t windows = ((rows + pad - shape.kernel_width) / shape.stride_width) + 1;
    const std::int64_t step = (windows * shape.stride_width) - pad;
    if (step <= 0) {
      break;  // a shape that no model has
    }
    begin += step;
    pad = 0;
    ++slices;
  }
  return slices;
}

}  // namespace

CbufPlan plan_cbuf(const ConvShape& shape) {
  constexpr std::int64_t banks = 12;
  constexpr std::int64_t entries_per_bank = 256;
  constexpr std::int64_t entry_bytes = 128;
  constexpr std::int64_t input_banks_without_reuse = 7;
  constexpr std::int64_t lanes = 16;
  CbufPlan plan;
  // Hardware width is the tensor's height.
  const std::int64_t width = shape.height;
  const std::int64_t height = shape.width;
  const std::int64_t atoms = ceil_div(shape.channels, lanes);
  const std::int64_t rest = atoms % 8;
  const std::int64_t entries =
      (atoms / 8 * width) + (rest == 3 ? width : ceil_div(rest * width, 8));
  plan.weight_bytes = shape.kernel_height * shape.kernel_width * shape.channels *
                      (shape.depthwise ? 1 : shape.out_channels);
  plan.weight_banks = ceil_div(ceil_div(plan.weight_bytes, entry_bytes), entries_per_bank) + 1;
  plan.input_banks = ceil_div(entries * height, entries_per_bank);
  plan.weights_resident = plan.weight_banks + 1 < banks;
  plan.usable_banks = plan.weights_resident ? banks - plan.weight_banks : input_banks_without_reuse;
  plan.fits = plan.input_banks <= plan.usable_banks;
  plan.rows = entries == 0 ? height : plan.usable_banks * entries_per_bank / entries;
  if (!plan.fits) {
    plan.never_ends = plan.rows < shape.kernel_width;
    if (!plan.never_ends && shape.stride_width >= 1) {
      plan.tasks = count_slices(shape, plan.rows);
    }
  }
  return plan;
}

}  // namespace gantry::npu
