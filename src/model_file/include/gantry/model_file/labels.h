#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

namespace gantry::model_file {

/// Names of classes by class index.
class Labels {
 public:
  Labels() = default;
  explicit Labels(std::vector<std::string> names) : names_(std::move(names)) {}

  /// Reads a label file: one name a line, or "index  name" (also "index: name" and "index,name")
  /// with gaps; UTF-8, LF or CRLF, a BOM and trailing empty lines are allowed; names are trimmed.
  /// Lines count as "index  name" only if all lines have that form. With a single space between,
  /// the indices must also count upwards from 0, since "2 legged" is a name. A number with leading
  /// zeros is not an index ("007 film").
  /// Errors: invalid_argument naming line, wanted and found (index not increasing or above 100 000,
  ///         not UTF-8, line longer than 1000 bytes, more than 100 000 lines).
  [[nodiscard]] static Result<Labels> parse(std::string_view text);
  [[nodiscard]] static Result<Labels> read(const std::filesystem::path& path);

  /// Fits the list to a model with `classes` outputs: a list one shorter gets "background" in
  /// front, a list one longer that begins with "background" (or "???") loses it; others stay.
  [[nodiscard]] Labels fitted_to(std::size_t classes) &&;

  /// The name of a class; empty if there is none ("n/a", "???" and gaps count as none).
  [[nodiscard]] std::string_view name(std::size_t class_id) const noexcept;
  /// The names as the file has them, "n/a" included.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  [[nodiscard]] bool empty() const noexcept { return names_.empty(); }

 private:
  std::vector<std::string> names_;
};

/// The label file beside a model: `<stem>.labels.txt`, `<stem>_labels.txt`, `<stem>.txt`,
/// `labels_<stem>.txt`, `labels.txt`, `labelmap.txt`, in that order. Empty if there is none.
[[nodiscard]] std::filesystem::path find_label_file(const std::filesystem::path& model);

}  // namespace gantry::model_file
