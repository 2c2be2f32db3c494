#include "gantry/emulator_stream/registers.h"

#include <optional>

#include "gantry/base/format.h"

namespace gantry::emulator {
namespace {

constexpr std::uint16_t op_enable = 0x0008;
/// Op-enable bits of a convolution: CNA, CORE, DPU.
constexpr std::uint32_t conv_blocks = 0x0D;

/// The offsets of a block, as [first, first + 0x1000).
std::optional<std::uint16_t> first_offset(std::uint16_t selector) {
  switch (static_cast<Block>(selector)) {
    case Block::pc:
      return 0x0000;
    case Block::cna:
      return 0x1000;
    case Block::core:
      return 0x3000;
    case Block::dpu:
      return 0x4000;
    case Block::dpu_rdma:
      return 0x5000;
    case Block::marker:
    case Block::run:
      break;
  }
  return std::nullopt;
}

}  // namespace

Result<RegisterFile> RegisterFile::load(std::span<const std::uint64_t> words) {
  if (words.size() > max_words) {
    return fail(Code::invalid_argument,
                format_text("register stream: {} words, want at most {}", words.size(), max_words));
  }
  RegisterFile file;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Word word = Word::decode(words[i]);
    if (words[i] == 0 || word.selector == static_cast<std::uint16_t>(Block::marker)) {
      continue;
    }
    if (word.selector == static_cast<std::uint16_t>(Block::run)) {
      if (word.offset != op_enable || (word.value & conv_blocks) != conv_blocks) {
        return fail(Code::invalid_argument,
                    format_text("register stream: word {} runs blocks {:#x} by {:#06x}, want a "
                                "convolution's ({:#x}) by {:#06x}",
                                i, word.value, word.offset, conv_blocks, op_enable));
      }
      return file;
    }
    const auto first = first_offset(word.selector);
    if (!first || word.offset < *first || word.offset >= *first + 0x1000 || word.offset % 4 != 0) {
      return fail(Code::invalid_argument,
                  format_text("register stream: word {} writes {:#06x} through selector {:#06x}", i,
                              word.offset, word.selector));
    }
    file.values_.at(word.offset / 4U) = word.value;
  }
  return fail(Code::invalid_argument, "register stream: ends without running anything");
}

}  // namespace gantry::emulator
