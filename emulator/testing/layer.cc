#include "gantry/emulator_testing/layer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "gantry/emulator_stream/registers.h"

namespace gantry::emulator::testing {
namespace {

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) {
  return (value + to - 1) / to * to;
}
std::uint32_t surfaces(std::uint32_t channels) { return round_up(channels, 16) / 16; }

/// Writes words in Mesa's order.
class StreamWriter {
 public:
  void word(Block block, std::uint32_t offset, std::uint32_t value) {
    words_.push_back(Word{.selector = static_cast<std::uint16_t>(block),
                          .value = value,
                          .offset = static_cast<std::uint16_t>(offset)}
                         .encode());
  }
  void cna(std::uint32_t offset, std::uint32_t value = 0) { word(Block::cna, offset, value); }
  void core(std::uint32_t offset, std::uint32_t value = 0) { word(Block::core, offset, value); }
  void dpu(std::uint32_t offset, std::uint32_t value = 0) { word(Block::dpu, offset, value); }
  void rdma(std::uint32_t offset, std::uint32_t value = 0) { word(Block::dpu_rdma, offset, value); }
  void zeros(Block block, std::uint32_t first, std::uint32_t last) {
    for (auto offset = first; offset <= last; offset += 4) {
      word(block, offset, 0);
    }
  }
  std::vector<std::uint64_t> end() {
    words_.push_back(0);
    word(Block::pc, 0x0014, 0);
    word(Block::marker, 0, 0);
    word(Block::run, 0x0008, 0x1D);
    return std::move(words_);
  }

 private:
  std::vector<std::uint64_t> words_;
};

/// What a task's registers are computed from.
struct Geometry {
  std::uint32_t first_in = 0;  ///< row of the input that the task begins with
  std::uint32_t in_rows = 0;
  std::uint32_t out_rows = 0;
  std::uint32_t pad_top = 0;
  std::uint32_t lanes = 0;
  std::uint32_t out_lanes = 0;
  std::uint32_t kernels = 0;
  bool single = false;
};

Geometry geometry(const Layer& layer, Slice slice) {
  const auto top = static_cast<std::int64_t>(slice.first) * layer.stride - layer.pad_before();
  const auto bottom = std::min<std::int64_t>(
      layer.size, top + static_cast<std::int64_t>(slice.count - 1) * layer.stride + layer.kernel);
  const auto first = std::max<std::int64_t>(top, 0);
  std::uint32_t out_lanes = round_up(std::max(layer.out_channels, 32U), 32);
  if (layer.depthwise) {
    out_lanes = round_up(layer.out_channels <= 32 ? out_lanes * 2 : out_lanes, 64);
  }
  return {
      .first_in = static_cast<std::uint32_t>(first),
      .in_rows = static_cast<std::uint32_t>(bottom - first),
      .out_rows = slice.count,
      .pad_top = static_cast<std::uint32_t>(first - top),
      .lanes = surfaces(layer.in_channels) * 16,
      .out_lanes = out_lanes,
      .kernels = layer.depthwise ? 1 : round_up(layer.out_channels, 2),
      .single = layer.in_channels == 1 && !layer.depthwise,
  };
}

std::uint32_t pad_register(const Layer& layer) {
  if (layer.kernel >= 3 && layer.in.zero_point == 0) {
    return 0xFFFF8080;
  }
  if (layer.depthwise && layer.in.zero_point == 0x8B) {
    return 0x00000B0B;
  }
  return static_cast<std::uint32_t>(layer.in.zero_point - 0x80);
}

void write_cna(StreamWriter& out, const Layer& layer, const Addresses& at, const Geometry& g) {
  const std::uint32_t taps = layer.kernel * layer.kernel;
  const std::uint32_t out_size = layer.out_size();
  const std::uint32_t mode = (layer.depthwise ? 3U : 0U) | (g.single ? 0x60008000U : 0U);
  const std::uint32_t line = g.single ? std::max(layer.size, 16U) : 4 * layer.size;
  const std::uint32_t line_step = g.single ? line : layer.size * 16;
  const auto surface =
      g.single ? static_cast<std::int64_t>(line) * (layer.size - 1)
               : static_cast<std::int64_t>(layer.size) * layer.size - std::int64_t{line};
  out.cna(0x1040, 0x2A);
  out.cna(0x1104);
  out.cna(0x1100);
  out.cna(0x100C, mode);
  out.dpu(0x4004, 0xE);
  out.rdma(0x5004, 0xE);
  out.cna(0x100C, mode);
  out.cna(0x1010, (51 + layer.stride) << 4U);
  out.cna(0x1014, layer.stride | layer.stride << 3U);
  out.cna(0x1020, layer.size << 16U | g.in_rows);
  out.cna(0x1024, (layer.in_channels - 1) << 16U | g.lanes);
  out.cna(0x1028, out_size);
  out.cna(0x102C, out_size * g.out_rows);
  out.cna(0x1030, taps * g.lanes * g.kernels);
  out.cna(0x1034, taps * g.lanes);
  out.cna(0x1038, layer.kernel << 24U | layer.kernel << 16U | g.kernels);
  out.cna(0x1040, 0x2A);
  out.cna(0x1044, layer.size);
  out.cna(0x104C, g.single ? 14U << 22U | 14U << 16U | 14U << 10U | 14U << 4U : 0xBU);
  for (std::uint32_t offset = 0x1050; offset <= 0x105C; offset += 4) {
    out.cna(offset, g.single ? 16384U << 16U | 0xFF80U : 0x00010000U);
  }
  out.cna(0x1060);
  out.cna(0x1064);
  out.cna(0x1068, layer.pad_before() << 4U | g.pad_top);
  out.cna(0x1070, at.input + g.first_in * line_step);
  out.cna(0x1074);
  out.cna(0x1078, 0x000F000F);
  out.cna(0x107C, line);
  out.cna(0x1080, static_cast<std::uint32_t>(surface) & 0x0FFFFFFFU);
  out.cna(0x1084, layer.size << 16U | g.in_rows);
  out.cna(0x1088, g.lanes);
  out.cna(0x1104);
  out.cna(0x1100);
  out.cna(0x1110, at.weights);
  out.zeros(Block::cna, 0x1140, 0x117C);
  out.cna(0x1180, g.single ? 0xFFFF : 0);
  out.cna(0x1184, pad_register(layer));
}

void write_dpu(StreamWriter& out, const Layer& layer, const Addresses& at, const Geometry& g) {
  const std::uint32_t size = layer.out_size();
  const std::uint32_t rows = g.out_rows - 1;
  const Levels result = layer.addend ? layer.addend->sum : layer.out;
  const auto scale = fixed_point(layer.in.scale * layer.weight.scale / result.scale, true);
  out.core(0x3010, layer.depthwise ? 3 : 1);
  out.core(0x3014, rows << 16U | (size - 1));
  out.core(0x3018, g.out_lanes - 1);
  out.core(0x301C);
  out.core(0x3030);
  out.dpu(0x400C, layer.depthwise ? 0x1FC : 0x1E4);
  out.dpu(0x4010);
  out.dpu(0x4014);
  out.dpu(0x4020, at.output);
  out.dpu(0x4024, size * size * 16);
  out.dpu(0x4030, size - 1);
  out.dpu(0x4034, rows);
  out.dpu(0x4038);
  out.dpu(0x403C, (layer.out_channels - 1) << 16U | (g.out_lanes - 1));
  out.dpu(0x4040, 0x20150);
  out.zeros(Block::dpu, 0x4044, 0x404C);
  out.dpu(0x4050, layer.depthwise ? 0x36C : 0x124);
  out.dpu(0x4054, static_cast<std::uint32_t>(0x80 - layer.weight.zero_point) & 0xFFFFU);
  out.dpu(0x4058, g.out_lanes - 1);
  out.dpu(0x405C, rows << 16U | (size - 1));
  out.dpu(0x4060, 0x53);
  out.zeros(Block::dpu, 0x4064, 0x406C);
  out.dpu(0x4070, layer.addend ? 0x904202C0 : 0x383);
  if (layer.addend) {
    const auto ew =
        fixed_point(layer.addend->levels.scale / (layer.in.scale * layer.weight.scale), false);
    out.dpu(0x4074, static_cast<std::uint32_t>(0x80 - layer.addend->levels.zero_point));
    out.dpu(0x4078, ew.shift << 16U | ew.scale);
  } else {
    out.dpu(0x4074);
    out.dpu(0x4078, 1);
  }
  out.dpu(0x407C);
  out.dpu(0x4080, static_cast<std::uint32_t>(result.zero_point - 0x80));
  out.dpu(0x4084, scale.scale);
  out.dpu(0x4088, scale.shift);
  out.zeros(Block::dpu, 0x4090, 0x40AC);
  out.dpu(0x40C0, (size * size * (layer.depthwise ? 4 : 2)) << 4U);
  out.dpu(0x40C4);
  out.zeros(Block::dpu, 0x4100, 0x412C);
}

void write_rdma(StreamWriter& out, const Layer& layer, const Addresses& at, const Geometry& g) {
  const std::uint32_t size = layer.out_size();
  const bool add = layer.addend.has_value();
  out.rdma(0x500C, size - 1);
  out.rdma(0x5010, g.out_rows - 1);
  out.rdma(0x5014, g.out_lanes - 1);
  out.rdma(0x5018, add ? at.addend : 0);
  out.rdma(0x501C, 2);
  out.rdma(0x5020, at.biases);
  out.rdma(0x5028);
  out.rdma(0x502C);
  out.rdma(0x5034, add ? 0x40000004 : 1);
  out.rdma(0x5038, add ? at.addend + size * size * 16 : 0);
  out.rdma(0x5040, add ? std::max(size * size, 12U) * 16 : 0);
  out.rdma(0x5044, (add ? 0x7D00U : 0x7810U) + (layer.depthwise ? 6 : 0));
  out.rdma(0x5048);
  out.rdma(0x504C);
  out.rdma(0x5064);
  out.rdma(0x5068, 0x01010101);
  out.rdma(0x506C);
}

/// Calls f(oc, ic, tap, where) for each weight that a layer has room for, in the buffer's order.
template <class F>
void each_weight(const Layer& layer, F f) {
  const std::uint32_t taps = layer.kernel * layer.kernel;
  const std::uint32_t lanes = surfaces(layer.in_channels) * 16;
  std::size_t where = 0;
  if (layer.depthwise) {
    for (std::uint32_t group = 0; group < lanes; group += 64) {
      for (std::uint32_t tap = 0; tap < taps; ++tap) {
        for (std::uint32_t c = group; c < std::min(lanes, group + 64); ++c) {
          f(c, c, tap, where++);
        }
      }
    }
    return;
  }
  const std::uint32_t kernels = round_up(layer.out_channels, 2);
  for (std::uint32_t oc_group = 0; oc_group < kernels; oc_group += 32) {
    for (std::uint32_t ic_group = 0; ic_group < lanes; ic_group += 32) {
      for (std::uint32_t tap = 0; tap < taps; ++tap) {
        for (std::uint32_t oc = oc_group; oc < std::min(kernels, oc_group + 32); ++oc) {
          for (std::uint32_t ic = ic_group; ic < std::min(lanes, ic_group + 32); ++ic) {
            f(oc, ic, tap, where++);
          }
        }
      }
    }
  }
}

std::uint8_t weight_of(const Layer& layer, std::uint32_t oc, std::uint32_t tap, std::uint32_t ic) {
  const std::size_t taps = std::size_t{layer.kernel} * layer.kernel;
  return layer.depthwise ? layer.weights[tap * layer.in_channels + oc]
                         : layer.weights[(oc * taps + tap) * layer.in_channels + ic];
}

std::uint8_t to_level(double real, Levels levels) {
  return static_cast<std::uint8_t>(
      std::clamp(std::nearbyint(real / levels.scale) + levels.zero_point, 0.0, 255.0));
}

}  // namespace

std::uint32_t Layer::out_size() const {
  return same_padding ? (size + stride - 1) / stride : (size - kernel) / stride + 1;
}

std::uint32_t Layer::pad_before() const {
  const std::uint32_t covered = (out_size() - 1) * stride + kernel;
  return same_padding && covered > size ? (covered - size) / 2 : 0;
}

Layer worked_example() {
  Layer layer{.size = 8, .in_channels = 16, .out_channels = 32, .kernel = 3};
  layer.in = {.scale = 0.05F, .zero_point = 120};
  layer.weight = {.scale = 0.02F, .zero_point = 130};
  layer.out = {.scale = 0.3F, .zero_point = 110};
  layer.weights.assign(std::size_t{32} * 9 * 16, 133);
  layer.bias.assign(32, 100);
  return layer;
}

FixedPoint fixed_point(float real, bool round_up) {
  const auto bits = std::bit_cast<std::uint32_t>(real);
  const std::uint32_t exponent = bits >> 23U & 0xFFU;
  std::uint32_t scale = (bits >> 9U & 0x7FFFU) + (round_up ? 1 : 0);
  if (scale < 1U << 14U) {
    scale |= 1U << 14U;
  }
  return {.scale = static_cast<std::uint16_t>(scale), .shift = 141 - exponent};
}

std::vector<std::uint64_t> make_stream(const Layer& layer, const Addresses& at,
                                       std::optional<Slice> slice) {
  const Slice rows = slice.value_or(Slice{.first = 0, .count = layer.out_size()});
  const Geometry g = geometry(layer, rows);
  Addresses task = at;
  task.output += rows.first * layer.out_size() * 16;
  task.addend += rows.first * layer.out_size() * 16;
  StreamWriter out;
  write_cna(out, layer, task, g);
  write_dpu(out, layer, task, g);
  write_rdma(out, layer, task, g);
  return out.end();
}

std::vector<std::int8_t> pack_weights(const Layer& layer) {
  std::vector<std::int8_t> packed;
  each_weight(layer, [&](std::uint32_t oc, std::uint32_t ic, std::uint32_t tap, std::size_t) {
    if (oc >= layer.out_channels && !layer.depthwise) {
      packed.push_back(0);
    } else if (ic >= layer.in_channels) {
      packed.push_back(static_cast<std::int8_t>(layer.weight.zero_point - 0x80));
    } else {
      packed.push_back(static_cast<std::int8_t>(weight_of(layer, oc, tap, ic) - 0x80));
    }
  });
  return packed;
}

std::vector<std::int32_t> pack_biases(const Layer& layer) {
  std::vector<std::int32_t> packed = layer.bias;
  each_weight(layer, [&](std::uint32_t oc, std::uint32_t ic, std::uint32_t tap, std::size_t) {
    if (oc < layer.out_channels && ic < layer.in_channels) {
      packed[oc] -=
          (weight_of(layer, oc, tap, ic) - layer.weight.zero_point) * (layer.in.zero_point - 0x80);
    }
  });
  return packed;
}

std::vector<std::int8_t> pack_map(std::span<const std::uint8_t> pixels, std::uint32_t size,
                                  std::uint32_t channels, std::uint8_t zero_point) {
  const std::size_t area = std::size_t{size} * size;
  std::vector<std::int8_t> packed(surfaces(channels) * area * 16,
                                  static_cast<std::int8_t>(zero_point - 0x80));
  for (std::size_t pixel = 0; pixel < area; ++pixel) {
    for (std::size_t c = 0; c < channels; ++c) {
      packed[(c / 16 * area + pixel) * 16 + c % 16] =
          static_cast<std::int8_t>(pixels[pixel * channels + c] - 0x80);
    }
  }
  return packed;
}

std::vector<std::uint8_t> unpack_map(std::span<const std::int8_t> packed, std::uint32_t size,
                                     std::uint32_t channels) {
  const std::size_t area = std::size_t{size} * size;
  std::vector<std::uint8_t> pixels(area * channels);
  for (std::size_t pixel = 0; pixel < area; ++pixel) {
    for (std::size_t c = 0; c < channels; ++c) {
      pixels[pixel * channels + c] =
          static_cast<std::uint8_t>(packed[(c / 16 * area + pixel) * 16 + c % 16] + 0x80);
    }
  }
  return pixels;
}

std::vector<std::int8_t> pack_single_channel(std::span<const std::uint8_t> pixels,
                                             std::uint32_t size, std::uint8_t zero_point) {
  const std::size_t line = std::max(size, 16U);
  std::vector<std::int8_t> packed(line * size, static_cast<std::int8_t>(zero_point));
  for (std::size_t y = 0; y < size; ++y) {
    for (std::size_t x = 0; x < size; ++x) {
      packed[y * line + x] = static_cast<std::int8_t>(pixels[y * size + x]);
    }
  }
  return packed;
}

std::vector<std::uint8_t> expected_output(const Layer& layer, std::span<const std::uint8_t> input,
                                          std::span<const std::uint8_t> addend) {
  const std::uint32_t out_size = layer.out_size();
  std::vector<std::uint8_t> output(std::size_t{out_size} * out_size * layer.out_channels);
  const double product_scale = double{layer.in.scale} * layer.weight.scale;
  std::size_t at = 0;
  for (std::uint32_t oy = 0; oy < out_size; ++oy) {
    for (std::uint32_t ox = 0; ox < out_size; ++ox) {
      for (std::uint32_t oc = 0; oc < layer.out_channels; ++oc, ++at) {
        std::int64_t acc = layer.bias[oc];
        for (std::uint32_t tap = 0; tap < layer.kernel * layer.kernel; ++tap) {
          const auto y = std::int64_t{oy} * layer.stride + tap / layer.kernel - layer.pad_before();
          const auto x = std::int64_t{ox} * layer.stride + tap % layer.kernel - layer.pad_before();
          if (y < 0 || y >= layer.size || x < 0 || x >= layer.size) {
            continue;
          }
          const auto* pixel =
              &input[static_cast<std::size_t>(y * layer.size + x) * layer.in_channels];
          for (std::uint32_t ic = layer.depthwise ? oc : 0;
               ic < (layer.depthwise ? oc + 1 : layer.in_channels); ++ic) {
            acc += std::int64_t{pixel[ic] - layer.in.zero_point} *
                   (weight_of(layer, oc, tap, ic) - layer.weight.zero_point);
          }
        }
        double real = static_cast<double>(acc) * product_scale;
        if (layer.addend) {
          real += layer.addend->levels.scale *
                  static_cast<float>(addend[at] - layer.addend->levels.zero_point);
        }
        output[at] = to_level(real, layer.addend ? layer.addend->sum : layer.out);
      }
    }
  }
  return output;
}

}  // namespace gantry::emulator::testing
