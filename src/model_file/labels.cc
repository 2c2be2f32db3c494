#include "gantry/model_file/labels.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::model_file {
namespace {

constexpr std::size_t most_lines = 100'000;
constexpr std::size_t longest_line = 1000;
constexpr std::size_t largest_file = std::size_t{16} << 20U;

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t\r\v\f";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// "index  name". A separator that is no part of ordinary names (':', ',', a tab, two spaces) is a
/// firm one.
struct Indexed {
  std::size_t index = 0;
  std::string_view name;
  bool firm = false;
};

std::optional<Indexed> parse_indexed(std::string_view line) noexcept {
  Indexed result;
  const char* const begin = std::to_address(line.begin());
  const char* const end = std::to_address(line.end());
  const auto [rest, error] = std::from_chars(begin, end, result.index);
  const auto digits = static_cast<std::size_t>(rest - begin);
  // "007" is a name, and so is what is no number or too large a one.
  if (error != std::errc{} || (digits > 1 && line.front() == '0')) {
    return std::nullopt;
  }
  const std::string_view after = line.substr(digits);
  if (after.empty()) {
    return std::nullopt;
  }
  if (after.front() == ':' || after.front() == ',') {
    result.firm = true;
    result.name = trimmed(after.substr(1));
    return result;
  }
  if (after.front() != ' ' && after.front() != '\t') {
    return std::nullopt;
  }
  result.firm = after.starts_with('\t') || after.starts_with("  ");
  result.name = trimmed(after);
  return result;
}

/// Are these lines "index  name"? All of them have to be; and with one space between, where "2
/// legged" is a name, too, they also have to count upwards from 0.
bool are_indexed(const std::vector<std::string_view>& lines) noexcept {
  bool all_firm = true;
  bool counts_up_from_0 = true;
  std::size_t next = 0;
  bool any = false;
  for (const std::string_view line : lines) {
    if (line.empty()) {
      continue;
    }
    const std::optional<Indexed> entry = parse_indexed(line);
    if (!entry) {
      return false;
    }
    all_firm = all_firm && entry->firm;
    counts_up_from_0 = counts_up_from_0 && (any ? entry->index >= next : entry->index == 0);
    next = entry->index + 1;
    any = true;
  }
  return any && (all_firm || counts_up_from_0);
}

Result<std::vector<std::string>> by_index(const std::vector<std::string_view>& lines) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::optional<Indexed> entry = parse_indexed(lines[i]);
    if (!entry) {
      continue;  // an empty line
    }
    if (entry->index < names.size() || entry->index >= most_lines) {
      return fail(Code::invalid_argument,
                  format_text("line {}: want an index of {} to {}, got {}", i + 1, names.size(),
                              most_lines - 1, entry->index));
    }
    names.resize(entry->index);
    names.emplace_back(entry->name);
  }
  return names;
}

bool is_background(std::string_view name) noexcept {
  constexpr std::string_view background = "background";
  // "???" is how the label maps of SSD models name class 0 of their training set.
  return name == "???" || std::ranges::equal(name, background, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

}  // namespace

Result<Labels> Labels::parse(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > longest_line) {
      return fail(Code::invalid_argument, format_text("line {}: want at most {} bytes, got {}",
                                                      lines.size() + 1, longest_line, line.size()));
    }
    if (!is_utf8(line) || line.contains('\0')) {
      return fail(Code::invalid_argument, format_text("line {}: want UTF-8 text, got {}",
                                                      lines.size() + 1, in_quotes(line)));
    }
    if (lines.size() == most_lines && !line.empty()) {
      return fail(Code::invalid_argument, format_text("want at most {} lines", most_lines));
    }
    if (lines.size() < most_lines) {
      lines.push_back(line);
    }
  }
  while (!lines.empty() && lines.back().empty()) {
    lines.pop_back();
  }
  if (are_indexed(lines)) {
    return by_index(lines).transform([](auto names) { return Labels(std::move(names)); });
  }
  return Labels(std::vector<std::string>(lines.begin(), lines.end()));
}

Result<Labels> Labels::read(const std::filesystem::path& path) {
  const Result<std::string> text = read_text_file(path, largest_file);
  if (!text) {
    return std::unexpected(text.error());
  }
  return parse(*text).transform_error([&](Error error) {
    error.message = format_text("{}: {}", path.string(), error.message);
    return error;
  });
}

Labels Labels::fitted_to(std::size_t classes) && {
  const bool begins_with_background = !names_.empty() && is_background(names_.front());
  if (names_.size() + 1 == classes && !names_.empty() && !begins_with_background) {
    names_.insert(names_.begin(), "background");
  } else if (names_.size() == classes + 1 && begins_with_background) {
    names_.erase(names_.begin());
  }
  return std::move(*this);
}

std::string_view Labels::name(std::size_t class_id) const noexcept {
  if (class_id >= names_.size()) {
    return {};
  }
  const std::string_view name = names_[class_id];
  return name == "n/a" || name == "???" ? std::string_view{} : name;
}

std::filesystem::path find_label_file(const std::filesystem::path& model) {
  const std::string stem = model.stem().string();
  const std::array candidates{
      stem + ".labels.txt",      stem + "_labels.txt",      stem + ".txt",
      "labels_" + stem + ".txt", std::string("labels.txt"), std::string("labelmap.txt")};
  for (const std::string& name : candidates) {
    const std::filesystem::path path = model.parent_path() / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) {
      return path;
    }
  }
  return {};
}

}  // namespace gantry::model_file
