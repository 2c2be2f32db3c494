#include "gantry/zoo/manifest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "builtin.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "toml_fields.h"

namespace gantry::zoo {
namespace {

constexpr std::size_t max_manifest_bytes = std::size_t{1} << 20U;
constexpr std::int64_t max_file_bytes = std::int64_t{1} << 40U;
constexpr std::int64_t known_format = 1;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// http or https with a host, in characters that need no quoting on a command line's own line.
bool is_address(std::string_view url) {
  constexpr std::size_t longest = 2000;
  std::string_view rest;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme)) {
      rest = url.substr(scheme.size());
    }
  }
  return !rest.empty() && rest.front() != '/' && rest.front() != '?' && url.size() <= longest &&
         std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7F; });
}

/// A relative path that stays inside: no "..", no empty parts, no leading slash.
bool is_member_path(std::string_view path) {
  constexpr std::size_t longest = 500;
  if (path.empty() || path.size() > longest || path.contains('\\')) {
    return false;
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "..") {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

/// "sha256", which has to be there, if only as "unknown", and "bytes".
Content read_content(Fields& fields) {
  Content content;
  const std::string sha256 = fields.text("sha256");
  if (is_sha256(sha256)) {
    content.sha256 = sha256;
  } else if (sha256 != "unknown") {
    fields.mistake("sha256", format_text("want 64 lower-case hexadecimal digits or \"unknown\", "
                                         "found {}",
                                         in_quotes(sha256)));
  }
  if (const auto bytes = fields.integer("bytes", 1, max_file_bytes)) {
    content.bytes = static_cast<std::uint64_t>(*bytes);
  }
  return content;
}

std::string read_url(Fields& fields, std::string_view key) {
  std::string url = fields.text(key);
  if (!is_address(url) || file_name_of(url).empty()) {
    fields.mistake(key, format_text("want an https address that ends with a file's name, found {}",
                                    in_quotes(url)));
  }
  return url;
}

std::string read_member_path(Fields& fields, std::string_view key) {
  std::string path = fields.text(key);
  if (!is_member_path(path)) {
    fields.mistake(key, format_text("want a path inside the archive, found {}", in_quotes(path)));
  }
  return path;
}

/// Reads the table `key` with `read`, where it is there.
template <class Read>
Result<> in_table(Fields& parent, std::string_view key, const Read& read) {
  const toml::table* const table = parent.table(key);
  if (table == nullptr) {
    return {};
  }
  Fields fields(*table, format_text("{}: {}", parent.where(), key));
  read(fields);
  return fields.finish();
}

void read_labels(Fields& fields, LabelSource& labels, bool is_archive) {
  struct Word {
    std::string_view word;
    LabelsFrom from;
  };
  constexpr std::array words = {Word{"none", LabelsFrom::none}, Word{"model", LabelsFrom::model},
                                Word{"archive", LabelsFrom::archive}, Word{"url", LabelsFrom::url}};
  const std::string from = fields.text("from");
  const auto* const found = std::ranges::find(words, from, &Word::word);
  if (found == words.end()) {
    fields.mistake("from",
                   format_text("want none, model, archive or url; found {}", in_quotes(from)));
    return;
  }
  labels.from = found->from;
  if (labels.from == LabelsFrom::archive) {
    if (!is_archive) {
      fields.mistake("from", "want url, model or none, since the download is no archive");
    }
    labels.where = read_member_path(fields, "member");
    labels.content = read_content(fields);
  } else if (labels.from == LabelsFrom::url) {
    labels.where = read_url(fields, "url");
    labels.content = read_content(fields);
  }
}

void read_npu(Fields& fields, Entry& entry) {
  const std::string verdict = fields.text("verdict");
  constexpr std::array all = {NpuVerdict::right, NpuVerdict::wrong, NpuVerdict::crashes,
                              NpuVerdict::untested};
  const auto* const found = std::ranges::find(all, verdict, verdict_name);
  if (found == all.end()) {
    fields.mistake("verdict", format_text("want right, wrong, crashes or untested; found {}",
                                          in_quotes(verdict)));
    return;
  }
  entry.npu = *found;
  entry.npu_note = fields.text("note");
}

void read_expectation(Fields& fields, Entry& entry) {
  Expectation expect;
  expect.image = fields.text("image");
  expect.image_url = read_url(fields, "image_url");
  expect.image_sha256 = fields.text("image_sha256");
  if (!is_sha256(expect.image_sha256)) {
    fields.mistake("image_sha256", "want 64 lower-case hexadecimal digits");
  }
  expect.label = fields.text("label");
  expect.class_id = fields.integer("class_id", 0, 1'000'000);
  expect.probability = fields.number("probability", 0, 1).value_or(0);
  entry.expect = std::move(expect);
}

Result<Entry> read_entry(const toml::table& table, std::size_t index, std::string_view origin) {
  const std::string name = table["name"].value_or(std::string());
  Fields fields(table, format_text("{}: model {}", origin,
                                   name.empty() ? std::to_string(index + 1) : in_quotes(name)));
  Entry entry;
  entry.name = fields.text("name");
  if (!is_model_name(entry.name)) {
    fields.mistake("name",
                   "want at most 64 lower-case letters, digits, \"_\", \"-\" and \".\", "
                   "beginning with a letter or digit");
  }
  entry.version = static_cast<std::uint32_t>(fields.integer("version", 1, 1'000'000).value_or(1));
  entry.title = fields.text("title");
  entry.task = fields.text("task");
  entry.licence = fields.text("licence");
  entry.origin = fields.text("origin");
  entry.input = fields.text("input");
  for (const std::string_view wanted : {"download", "labels", "npu"}) {
    if (!table.contains(wanted)) {
      fields.mistake(wanted, "want a table, found nothing");
    }
  }
  Result<> part = in_table(fields, "download", [&](Fields& download) {
    entry.url = read_url(download, "url");
    entry.download = read_content(download);
  });
  if (part) {
    part = in_table(fields, "archive", [&](Fields& archive) {
      std::string path = read_member_path(archive, "member");
      entry.member = Member{.path = std::move(path), .content = read_content(archive)};
    });
  }
  if (part) {
    part = in_table(fields, "labels", [&](Fields& labels) {
      read_labels(labels, entry.labels, entry.member.has_value());
    });
  }
  if (part) {
    part = in_table(fields, "npu", [&](Fields& npu) { read_npu(npu, entry); });
  }
  if (part) {
    part = in_table(fields, "expect", [&](Fields& expect) { read_expectation(expect, entry); });
  }
  if (part) {
    part = fields.finish();
  }
  if (!part) {
    return std::unexpected(std::move(part).error());
  }
  return entry;
}

}  // namespace

bool is_model_name(std::string_view text) noexcept {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest && is_lower_or_digit(text.front()) &&
         std::ranges::all_of(
             text, [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_sha256(std::string_view text) noexcept {
  constexpr std::size_t digits = 64;
  return text.size() == digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string file_name_of(std::string_view url) {
  constexpr std::size_t longest = 200;
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t host = url.find("://");
  const std::size_t slash = url.rfind('/');
  if (host == std::string_view::npos || slash == std::string_view::npos || slash < host + 3) {
    return {};
  }
  const std::string_view name = url.substr(slash + 1);
  const bool is_fit = !name.empty() && name.front() != '.' && name.size() <= longest &&
                      std::ranges::all_of(name, [](char c) {
                        return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' ||
                               c == '_' || c == '-' || c == '+';
                      });
  return is_fit ? std::string(name) : std::string();
}

std::string_view verdict_name(NpuVerdict verdict) noexcept {
  switch (verdict) {
    case NpuVerdict::right:
      return "right";
    case NpuVerdict::wrong:
      return "wrong";
    case NpuVerdict::crashes:
      return "crashes";
    case NpuVerdict::untested:
      return "untested";
  }
  return "untested";
}

Result<Manifest> Manifest::parse(std::string_view text, std::string_view origin) {
  const auto document = parse_toml(text, origin);
  if (!document) {
    return std::unexpected(document.error());
  }
  Fields fields(*document, std::string(origin));
  if (const auto format = fields.integer("format", 0, max_file_bytes).value_or(0);
      format != known_format) {
    fields.mistake("format", format_text("want {}, found {}", known_format, format));
  }
  const toml::array* const models = fields.array("model");
  if (models == nullptr || models->empty()) {
    fields.mistake("model", "want at least one [[model]], found none");
  }
  if (Result<> all = fields.finish(); !all) {
    return std::unexpected(std::move(all).error());
  }
  Manifest manifest;
  for (std::size_t i = 0; i < models->size(); ++i) {
    const toml::table* const table = models->get(i)->as_table();
    if (table == nullptr) {
      return fail(Code::invalid_argument, format_text("{}: model {}: want a table", origin, i + 1));
    }
    auto entry = read_entry(*table, i, origin);
    if (!entry) {
      return std::unexpected(std::move(entry).error());
    }
    if (manifest.find(entry->name) != nullptr) {
      return fail(Code::invalid_argument, format_text("{}: model {}: there are two of that name",
                                                      origin, in_quotes(entry->name)));
    }
    manifest.entries_.push_back(*std::move(entry));
  }
  return manifest;
}

Result<Manifest> Manifest::read(const std::filesystem::path& path) {
  const auto text = read_text_file(path, max_manifest_bytes);
  return text ? parse(*text, path.string()) : std::unexpected(text.error());
}

Result<Manifest> Manifest::builtin() { return parse(builtin_manifest, "models/zoo.toml"); }

const Entry* Manifest::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace gantry::zoo
