#include "gantry/system/root.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <system_error>
#include <utility>

#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"

namespace gantry::system {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as Linux follows
constexpr std::string_view ending_blanks{" \t\r\n\0", 5};

/// The number at the end of a name, or -1: "accel10" → 10.
std::int64_t number_at_end(std::string_view name) {
  const auto digits = name.substr(name.find_last_not_of("0123456789") + 1);
  return parse_int(digits).value_or(-1);
}

void put_before(std::deque<fs::path>& parts, const fs::path& more) {
  const fs::path relative = more.relative_path();
  parts.insert(parts.begin(), relative.begin(), relative.end());
}

}  // namespace

Root::Root(fs::path folder)
    : folder_(std::move(folder)), is_real_(folder_.lexically_normal() == fs::path("/")) {}

fs::path Root::outside(const fs::path& path) const {
  return folder_ / path.lexically_normal().relative_path();
}

Resolved Root::resolve(const fs::path& path) const {
  Resolved out{.path = "/"};
  std::deque<fs::path> parts;
  put_before(parts, path);
  int links = 0;
  while (!parts.empty()) {
    const fs::path part = parts.front();
    parts.pop_front();
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      out.path = out.path.parent_path();
      continue;
    }
    const fs::path next = out.path / part;
    std::error_code error;
    const auto kind = fs::symlink_status(outside(next), error).type();
    if (kind == fs::file_type::not_found || kind == fs::file_type::none) {
      out.missing = next;
      out.path = next;
      for (const fs::path& rest : parts) {
        out.path /= rest;
      }
      out.reason = kind == fs::file_type::none ? error.message() : "";
      return out;
    }
    if (kind != fs::file_type::symlink) {
      out.path = next;
      continue;
    }
    out.through_link = true;
    const fs::path target = fs::read_symlink(outside(next), error);
    if (error || ++links > most_links) {
      out.missing = out.path = next;
      out.reason = error ? error.message() : "links that lead in a circle";
      return out;
    }
    if (target.is_absolute()) {
      out.path = "/";
    }
    put_before(parts, target);
  }
  out.exists = true;
  return out;
}

bool Root::exists(const fs::path& path) const { return resolve(path).exists; }

fs::path Root::link_target(const fs::path& path) const {
  std::error_code ignored;
  return fs::read_symlink(outside(resolve(path.parent_path()).path / path.filename()), ignored);
}

std::optional<std::string> Root::read(const fs::path& path, std::size_t most) const {
  const Resolved at = resolve(path);
  // Not to wait for a writer where somebody put a pipe.
  const UniqueFd file(
      at.exists ? ::open(outside(at.path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                : -1);
  if (!file) {
    return std::nullopt;
  }
  std::string text(most, '\0');  // files of /proc and /sys do not say how long they are
  std::size_t size = 0;
  while (size < most) {
    const ssize_t got = ::read(file.get(), text.data() + size, most - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

std::string Root::line(const fs::path& path) const {
  std::string text = read(path).value_or("");
  text.resize(text.find_last_not_of(ending_blanks) + 1);
  return text;
}

std::optional<double> Root::number(const fs::path& path) const { return parse_double(line(path)); }

std::vector<std::string> Root::names(const fs::path& folder) const {
  std::vector<std::string> out;
  const Resolved at = resolve(folder);
  std::error_code error;
  for (fs::directory_iterator entry(outside(at.path), error), end;
       at.exists && !error && entry != end; entry.increment(error)) {
    out.push_back(entry->path().filename().string());
  }
  std::ranges::sort(out, {}, [](const std::string& name) {
    return std::pair(number_at_end(name), std::string_view(name));
  });
  return out;
}

}  // namespace gantry::system
