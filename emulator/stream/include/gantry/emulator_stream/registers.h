#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "gantry/base/error.h"

namespace gantry::emulator {

/// The offsets that a convolution's result depends on. Names: RK3588 TRM part 1, chapter 36.
namespace reg {
enum Offset : std::uint16_t {
  conv_con1 = 0x100C,
  conv_con3 = 0x1014,
  data_size0 = 0x1020,
  data_size1 = 0x1024,
  weight_size2 = 0x1038,
  cvt_con0 = 0x104C,
  cvt_con1 = 0x1050,
  pad_con0 = 0x1068,
  feature_data_addr = 0x1070,
  dma_con1 = 0x107C,
  dma_con2 = 0x1080,
  fc_data_size0 = 0x1084,
  dcomp_addr0 = 0x1110,
  pad_con1 = 0x1184,
  core_misc = 0x3010,
  dataout_size0 = 0x3014,
  clip_truncate = 0x301C,
  data_format = 0x4010,
  dst_base = 0x4020,
  dst_surf_stride = 0x4024,
  cube_channel = 0x403C,
  bs_cfg = 0x4040,
  bs_ow_op = 0x4054,
  bn_cfg = 0x4060,
  ew_cfg = 0x4070,
  ew_cvt_offset = 0x4074,
  ew_cvt_scale = 0x4078,
  out_cvt_offset = 0x4080,
  out_cvt_scale = 0x4084,
  out_cvt_shift = 0x4088,
  rdma_src_base = 0x5018,
  bs_base = 0x5020,
  ew_base = 0x5038,
};
}  // namespace reg

/// The selectors of a stream's words: which block of the core a word writes to.
enum class Block : std::uint16_t {
  marker = 0x0041,
  run = 0x0081,
  pc = 0x0101,
  cna = 0x0201,
  core = 0x0801,
  dpu = 0x1001,
  dpu_rdma = 0x2001,
};

/// One 64-bit word of a stream: selector, value, register offset.
struct Word {
  std::uint16_t selector = 0;
  std::uint32_t value = 0;
  std::uint16_t offset = 0;

  [[nodiscard]] static constexpr Word decode(std::uint64_t word) {
    return {.selector = static_cast<std::uint16_t>(word >> 48U),
            .value = static_cast<std::uint32_t>(word >> 16U),
            .offset = static_cast<std::uint16_t>(word)};
  }
  [[nodiscard]] constexpr std::uint64_t encode() const {
    return std::uint64_t{selector} << 48U | std::uint64_t{value} << 16U | offset;
  }
};

/// The register values that a stream has written, by offset; others are 0. A stream sets every
/// register that matters, so no value is kept from one stream to the next.
class RegisterFile {
 public:
  /// The longest stream that is read; Mesa's streams have 130 words.
  static constexpr std::size_t max_words = 4096;

  /// Writes the words of a stream up to its "run".
  /// Errors: invalid_argument for a stream that is too long or never runs, for a selector that
  ///         does not exist, and for an offset that is not the selector's.
  [[nodiscard]] static Result<RegisterFile> load(std::span<const std::uint64_t> words);

  [[nodiscard]] std::uint32_t operator[](reg::Offset offset) const {
    return values_.at(offset / 4);
  }
  /// Bits `high` to `low` of a register, 0 ≤ low ≤ high ≤ 31.
  [[nodiscard]] std::uint32_t bits(reg::Offset offset, unsigned high, unsigned low) const {
    const std::uint32_t mask = high - low == 31 ? ~0U : (1U << (high - low + 1)) - 1U;
    return ((*this)[offset] >> low) & mask;
  }

 private:
  std::array<std::uint32_t, 0x6000 / 4> values_{};
};

}  // namespace gantry::emulator
