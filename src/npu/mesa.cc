#include "gantry/npu/mesa.h"

#include <charconv>
#include <span>
#include <string>
#include <system_error>

#include "gantry/base/file.h"
#include "gantry/base/format.h"

namespace gantry::npu {
namespace {

/// Reads a number of at most three digits at the front of `text` and takes it away.
std::optional<std::int32_t> take_number(std::string_view& text) {
  constexpr std::ptrdiff_t most_digits = 3;
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::ptrdiff_t digits = end - text.data();
  if (error != std::errc() || value < 0 || text.front() == '-' || digits > most_digits) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(digits));
  return value;
}

}  // namespace

std::string MesaVersion::text() const {
  return *this == unknown_mesa ? "unknown" : format_text("{}.{}", major, minor);
}

std::optional<MesaVersion> parse_mesa_version(std::string_view text) {
  const auto major = take_number(text);
  if (!major || !text.starts_with('.')) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const auto minor = take_number(text);
  if (!minor || (!text.empty() && text.front() != '.' && text.front() != '-')) {
    return std::nullopt;
  }
  return MesaVersion{*major, *minor};
}

std::optional<std::string> mesa_release_in(std::string_view library) {
  // A string by itself, "26.1.6-1": three numbers, perhaps the packager's suffix. Other versions in
  // there (LLVM's, the compiler's) stand in sentences, or do not look like a year.
  constexpr std::size_t shortest = 6;
  constexpr std::size_t longest = 40;
  std::size_t begin = 0;
  while (begin < library.size()) {
    std::size_t end = library.find('\0', begin);
    end = end == std::string_view::npos ? library.size() : end;
    const std::string_view word = library.substr(begin, end - begin);
    begin = end + 1;
    if (word.size() < shortest || word.size() > longest || word.front() < '2' ||
        word.front() > '9') {
      continue;
    }
    std::string_view rest = word;
    const auto year = take_number(rest);
    if (!year || *year < 20 || *year > 99 || !rest.starts_with('.')) {
      continue;
    }
    rest.remove_prefix(1);
    if (const auto minor = take_number(rest); !minor || *minor > 9 || !rest.starts_with('.')) {
      continue;
    }
    rest.remove_prefix(1);
    if (!take_number(rest) || rest.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.-+~:") !=
                                  std::string_view::npos) {
      continue;
    }
    return std::string(word);
  }
  return std::nullopt;
}

std::optional<InstalledMesa> mesa_in(const std::filesystem::path& library) {
  constexpr std::size_t largest = std::size_t{256} << 20U;
  const auto file = MappedFile::open(library, largest);
  if (!file) {
    return std::nullopt;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()),
                               file->bytes().size());
  const auto release = mesa_release_in(bytes);
  const auto version = release ? parse_mesa_version(*release) : std::nullopt;
  if (!version) {
    return std::nullopt;
  }
  return InstalledMesa{.library = library, .release = *release, .version = *version};
}

MesaVersion mesa_version_of(const std::filesystem::path& library) {
  const auto installed = mesa_in(library);
  return installed ? installed->version : unknown_mesa;
}

}  // namespace gantry::npu
