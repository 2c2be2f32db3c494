#include "zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::model_file {
namespace {

using Bytes = std::span<const std::byte>;

std::uint32_t read_u16(Bytes bytes, std::size_t at) noexcept {
  return std::to_integer<std::uint32_t>(bytes[at]) |
         (std::to_integer<std::uint32_t>(bytes[at + 1]) << 8U);
}
std::uint32_t read_u32(Bytes bytes, std::size_t at) noexcept {
  return read_u16(bytes, at) | (read_u16(bytes, at + 2) << 16U);
}

constexpr std::size_t end_record_size = 22;
constexpr std::size_t entry_size = 46;
constexpr std::size_t local_size = 30;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t entry_signature = 0x02014b50;
constexpr std::uint32_t local_signature = 0x04034b50;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::invalid_argument, format_text("the appended zip archive is damaged: {}", what));
}

/// Where the end record begins: within the last 64 KiB, the longest comment that may follow it.
std::optional<std::size_t> find_end_record(Bytes bytes) noexcept {
  if (bytes.size() < end_record_size) {
    return std::nullopt;
  }
  const std::size_t last = bytes.size() - end_record_size;
  const std::size_t first = last - std::min<std::size_t>(last, 0xFFFF);
  for (std::size_t at = last + 1; at-- > first;) {
    if (read_u32(bytes, at) == end_signature &&
        at + end_record_size + read_u16(bytes, at + 20) <= bytes.size()) {
      return at;
    }
  }
  return std::nullopt;
}

Result<std::string> inflate_all(Bytes packed, std::size_t size) {
  std::string out(size, '\0');
  z_stream stream{};
  constexpr int raw_deflate = -15;  // no zlib header, the largest window
  if (inflateInit2(&stream, raw_deflate) != Z_OK) {
    return fail(Code::internal, "zlib: inflateInit2 failed");
  }
  // zlib's interface is older than const.
  stream.next_in =
      const_cast<Bytef*>(  // NOLINT(cppcoreguidelines-pro-type-const-cast): zlib only reads it
          reinterpret_cast<const Bytef*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool complete = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!complete) {
    return damaged("a file does not inflate to its stated size");
  }
  return out;
}

/// One entry of the central directory.
struct Entry {
  std::uint32_t flags, method, crc, packed_size, size, local_offset;
  std::string_view name;
};

Result<std::string> extract(Bytes archive, const Entry& entry, std::size_t max_bytes) {
  constexpr std::uint32_t encrypted = 1;
  constexpr std::uint32_t stored = 0;
  constexpr std::uint32_t deflated = 8;
  if ((entry.flags & encrypted) != 0 || (entry.method != stored && entry.method != deflated)) {
    return fail(Code::unimplemented,
                format_text("zipped file {}: want stored or deflated, got method {}{}",
                            in_quotes(entry.name), entry.method,
                            (entry.flags & encrypted) != 0 ? ", encrypted" : ""));
  }
  if (entry.size > max_bytes) {
    return fail(Code::out_of_range, format_text("zipped file {}: want at most {} bytes, got {}",
                                                in_quotes(entry.name), max_bytes, entry.size));
  }
  if (archive.size() < local_size || entry.local_offset > archive.size() - local_size ||
      read_u32(archive, entry.local_offset) != local_signature) {
    return damaged("no file where the directory says");
  }
  const std::size_t begin = std::size_t{entry.local_offset} + local_size +
                            read_u16(archive, entry.local_offset + 26U) +
                            read_u16(archive, entry.local_offset + 28U);
  if (begin > archive.size() || entry.packed_size > archive.size() - begin) {
    return damaged("a file ends past the directory");
  }
  const Bytes packed = archive.subspan(begin, entry.packed_size);
  Result<std::string> out;
  if (entry.method == deflated) {
    out = inflate_all(packed, entry.size);
  } else if (packed.size() == entry.size) {
    out = std::string(reinterpret_cast<const char*>(packed.data()), packed.size());
  } else {
    out = damaged("a stored file has two sizes");
  }
  if (out && crc32(0, reinterpret_cast<const Bytef*>(out->data()),
                   static_cast<uInt>(out->size())) != entry.crc) {
    return damaged("a file's checksum is wrong");
  }
  return out;
}

}  // namespace

Result<std::string> read_zipped_file(std::span<const std::byte> bytes, std::string_view name,
                                     std::size_t max_bytes) {
  const std::optional<std::size_t> end = find_end_record(bytes);
  if (!end) {
    return fail(Code::not_found, "no zip archive is appended to the file");
  }
  const std::uint32_t entries = read_u16(bytes, *end + 10);
  const std::size_t directory_size = read_u32(bytes, *end + 12);
  const std::size_t directory_offset = read_u32(bytes, *end + 16);
  if (entries == 0xFFFF || directory_offset == 0xFFFFFFFF) {
    return fail(Code::unimplemented, "the appended zip archive is a zip64");
  }
  if (directory_size > *end || directory_offset > *end - directory_size) {
    return damaged("its directory lies outside of the file");
  }
  // Offsets count from the archive's first byte or, as Python writes them, from the file's.
  const std::size_t archive_begin = *end - directory_size - directory_offset;
  const Bytes archive = bytes.subspan(archive_begin, directory_offset);
  Bytes directory = bytes.subspan(archive_begin + directory_offset, directory_size);
  for (std::uint32_t i = 0; i < entries; ++i) {
    if (directory.size() < entry_size || read_u32(directory, 0) != entry_signature) {
      return damaged("its directory is cut short");
    }
    const std::size_t name_size = read_u16(directory, 28);
    const std::size_t size =
        entry_size + name_size + read_u16(directory, 30) + read_u16(directory, 32);
    if (size > directory.size()) {
      return damaged("its directory is cut short");
    }
    const Entry entry{
        .flags = read_u16(directory, 8),
        .method = read_u16(directory, 10),
        .crc = read_u32(directory, 16),
        .packed_size = read_u32(directory, 20),
        .size = read_u32(directory, 24),
        .local_offset = read_u32(directory, 42),
        .name = {reinterpret_cast<const char*>(directory.data()) + entry_size, name_size},
    };
    if (entry.name == name) {
      return extract(archive, entry, max_bytes);
    }
    directory = directory.subspan(size);
  }
  return fail(Code::not_found,
              format_text("the appended zip archive has no file {}", in_quotes(name)));
}

}  // namespace gantry::model_file
