#include "record.h"

#include <format>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/zoo/manifest.h"
#include "toml_fields.h"

namespace gantry::zoo {

Result<> write_record(const std::filesystem::path& folder, const Record& record) {
  toml::table table{{"name", record.name},
                    {"url", record.url},
                    {"licence", record.licence},
                    {"model_sha256", record.model_sha256}};
  if (!record.labels_sha256.empty()) {
    table.insert("labels_sha256", record.labels_sha256);
  }
  return write_toml(folder / record_file, table);
}

Result<Record> read_record(const std::filesystem::path& folder) {
  constexpr std::size_t max_bytes = 65536;
  const auto path = folder / record_file;
  const auto text = read_text_file(path, max_bytes);
  if (!text) {
    return std::unexpected(text.error());
  }
  const auto table = parse_toml(*text, path.string());
  if (!table) {
    return std::unexpected(table.error());
  }
  Fields fields(*table, path.string());
  Record record{.name = fields.text("name"),
                .url = fields.text("url"),
                .licence = fields.text("licence"),
                .model_sha256 = fields.text("model_sha256"),
                .labels_sha256 = fields.text_or("labels_sha256", {})};
  if (!is_sha256(record.model_sha256) ||
      !(record.labels_sha256.empty() || is_sha256(record.labels_sha256))) {
    fields.mistake("model_sha256", "want 64 lower-case hexadecimal digits here and in labels");
  }
  if (Result<> all = fields.finish(); !all) {
    return std::unexpected(std::move(all).error());
  }
  return record;
}

}  // namespace gantry::zoo
