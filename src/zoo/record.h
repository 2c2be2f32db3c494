#pragma once

#include <filesystem>
#include <string>

#include "gantry/base/error.h"

namespace gantry::zoo {

// File names in a store.
constexpr const char* model_file = "model.tflite";
constexpr const char* labels_file = "labels.txt";
constexpr const char* record_file = "source.toml";
constexpr const char* private_folder = ".gantry";

/// What `pull` writes beside a model: where the model came from, and the checksums of the bytes
/// that were checked or trusted.
struct Record {
  std::string name;
  std::string url;
  std::string licence;
  std::string model_sha256;
  std::string labels_sha256;  ///< empty without labels.txt
};
[[nodiscard]] Result<> write_record(const std::filesystem::path& folder, const Record& record);
/// Errors: not_found; invalid_argument.
[[nodiscard]] Result<Record> read_record(const std::filesystem::path& folder);

}  // namespace gantry::zoo
