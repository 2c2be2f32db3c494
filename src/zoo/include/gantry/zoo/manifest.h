#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::zoo {

/// What the manifest knows about the bytes of a file.
struct Content {
  std::string sha256;  ///< 64 lower-case hexadecimal digits; empty if unknown
  std::optional<std::uint64_t> bytes;
  friend bool operator==(const Content&, const Content&) = default;
};

/// A file inside the downloaded archive. Its path is compared, never created.
struct Member {
  std::string path;
  Content content;
};

enum class LabelsFrom : std::uint8_t {
  none,     ///< the model needs or has no labels
  model,    ///< in the metadata inside the .tflite
  archive,  ///< a member of the downloaded archive
  url,      ///< a separate file
};
struct LabelSource {
  LabelsFrom from = LabelsFrom::none;
  std::string where;  ///< the member's path or the address
  Content content;
};

/// What Mesa's Teflon delegate alone does with the whole model on an RK3588.
enum class NpuVerdict : std::uint8_t { right, wrong, crashes, untested };
[[nodiscard]] std::string_view verdict_name(NpuVerdict verdict) noexcept;

/// What the model answers on a public picture.
struct Expectation {
  std::string image;
  std::string image_url;
  std::string image_sha256;
  std::string label;
  std::optional<std::int64_t> class_id;
  double probability = 0;  ///< at least
};

/// One model of the zoo.
struct Entry {
  std::string name;  ///< [a-z0-9][a-z0-9_.-]*: the name of the folder and for people
  std::uint32_t version = 1;
  std::string title;
  std::string task;
  std::string licence;
  std::string origin;
  std::string input;
  std::string url;
  Content download;              ///< of the file at `url`
  std::optional<Member> member;  ///< the .tflite in it; empty if the download is the model
  LabelSource labels;
  NpuVerdict npu = NpuVerdict::untested;
  std::string npu_note;
  std::optional<Expectation> expect;

  /// What is known about the `.tflite` itself.
  [[nodiscard]] const Content& model() const noexcept {
    return member ? member->content : download;
  }
};

/// The list of models that can be pulled.
/// Threads: reentrant.
class Manifest {
 public:
  /// Reads TOML in the form of models/zoo.toml. `origin` names it in messages.
  /// Errors: invalid_argument naming the model, the member, the wanted and the found; an unknown
  ///         member is an error, so that a misspelt "sha256" does not count as a missing one.
  [[nodiscard]] static Result<Manifest> parse(std::string_view text, std::string_view origin);
  /// Errors: as gantry::read_text_file, and as above.
  [[nodiscard]] static Result<Manifest> read(const std::filesystem::path& path);
  /// models/zoo.toml as it was when the program was built.
  [[nodiscard]] static Result<Manifest> builtin();

  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }
  /// Null if there is none. Valid as long as the manifest.
  [[nodiscard]] const Entry* find(std::string_view name) const noexcept;

 private:
  std::vector<Entry> entries_;
};

/// Whether `text` can be the name of a model in the zoo: lower-case letters, digits, "_", "-" and
/// ".", beginning with a letter or digit, at most 64.
[[nodiscard]] bool is_model_name(std::string_view text) noexcept;
/// 64 lower-case hexadecimal digits.
[[nodiscard]] bool is_sha256(std::string_view text) noexcept;
/// The last part of an address's path, without the query: "model.tgz". Empty if there is none, or
/// if it cannot be a file's name.
[[nodiscard]] std::string file_name_of(std::string_view url);

}  // namespace gantry::zoo
