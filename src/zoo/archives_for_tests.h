#pragma once

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gantry/base/format.h"

// Archives made byte by byte, so that they can lie. Source: POSIX.1-2017, pax, "ustar Interchange
// Format".
namespace gantry::zoo {

struct TarMember {
  std::string name;
  std::string content;
  char type = '0';        ///< '0' file, '1' hard link, '2' symbolic link, '5' folder
  const char* link = "";  ///< where a link points
  std::optional<std::string> size_field = std::nullopt;  ///< instead of the content's own size
};

inline std::string tar_member(const TarMember& member) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, std::string_view text) {
    header.replace(at, text.size(), text);
  };
  put(0, member.name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, member.size_field.value_or(format_text("{:011o}", member.content.size())));
  put(136, "00000000000");
  put(148, "        ");
  header[156] = member.type;
  put(157, member.link);
  put(257, std::string_view("ustar\00000", 8));
  unsigned int sum = 0;
  for (const char c : header) {
    sum += static_cast<unsigned char>(c);
  }
  put(148, format_text("{:06o}", sum));
  header[154] = '\0';
  std::string out = header + member.content;
  out.append((512 - (out.size() % 512)) % 512, '\0');
  return out;
}

inline std::string tar_of(std::span<const TarMember> members) {
  std::string out;
  for (const TarMember& member : members) {
    out += tar_member(member);
  }
  return out + std::string(1024, '\0');
}

inline std::string gzip_of(std::string_view bytes) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::string in(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline void write(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}
inline std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace gantry::zoo
