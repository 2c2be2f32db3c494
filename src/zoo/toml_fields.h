#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <toml++/toml.hpp>

#include "gantry/base/error.h"

namespace gantry::zoo {

/// Parses a TOML text. Errors: invalid_argument naming `origin`, the line and the reason.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, std::string_view origin);

/// Replaces `path` by this table. Errors: failed_precondition, as gantry::write_file says it.
[[nodiscard]] Result<> write_toml(const std::filesystem::path& path, const toml::table& table);

/// Reads the members of one table. It remembers the first mistake, so that callers need not check
/// each member. Threads: thread-bound.
class Fields {
 public:
  /// `where` begins every message: `zoo.toml: model "mobilenet_v1"`. Both must outlive this.
  Fields(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;
  ~Fields() = default;

  /// One line of text that is not empty.
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string fallback);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                                    std::int64_t most);
  [[nodiscard]] std::optional<double> number(std::string_view key, double least, double most);
  /// Null if it is absent.
  [[nodiscard]] const toml::table* table(std::string_view key);
  [[nodiscard]] const toml::array* array(std::string_view key);

  /// Notes a mistake unless there is one already.
  void mistake(std::string_view key, std::string_view want_and_found);
  /// Errors: the first mistake, else the first member that was not read.
  [[nodiscard]] Result<> finish() const;
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  [[nodiscard]] const toml::node* get(std::string_view key);

  const toml::table& table_;
  std::string where_;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> error_;
};

}  // namespace gantry::zoo
