#include "toml_fields.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <sstream>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::zoo {
namespace {

bool is_one_line(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7F;
  });
}

std::string kind_of(const toml::node& node) {
  std::ostringstream out;
  out << node.type();
  return out.str();
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text, std::string_view origin) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    return fail(Code::invalid_argument, format_text("{}: want TOML; line {}: {}", origin,
                                                    e.source().begin.line, e.description()));
  }
}

Result<> write_toml(const std::filesystem::path& path, const toml::table& table) {
  std::ostringstream out;
  out << "# Written by gantry.\n" << table << '\n';
  const std::string text = std::move(out).str();
  return write_file(path, std::as_bytes(std::span(text))).transform_error([](Error error) {
    return Error{Code::failed_precondition, std::move(error.message)};
  });
}

const toml::node* Fields::get(std::string_view key) {
  asked_.emplace(key);
  return table_.get(key);
}

void Fields::mistake(std::string_view key, std::string_view want_and_found) {
  if (!error_) {
    error_ = Error{Code::invalid_argument, format_text("{}: {}: {}", where_, key, want_and_found)};
  }
}

std::string Fields::text(std::string_view key) {
  if (table_.get(key) == nullptr) {
    asked_.emplace(key);
    mistake(key, "want text, found nothing");
    return {};
  }
  return text_or(key, {});
}

std::string Fields::text_or(std::string_view key, std::string fallback) {
  const toml::node* const node = get(key);
  if (node == nullptr) {
    return fallback;
  }
  const auto value = node->value_exact<std::string>();
  if (!value) {
    mistake(key, format_text("want text, found {}", kind_of(*node)));
    return fallback;
  }
  if (value->empty() || !is_one_line(*value)) {
    mistake(key, format_text("want one line of text, found {}", in_quotes(*value)));
    return fallback;
  }
  return *value;
}

std::optional<std::int64_t> Fields::integer(std::string_view key, std::int64_t least,
                                            std::int64_t most) {
  const toml::node* const node = get(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) {
    mistake(key, format_text("want a whole number from {} to {}, found {}", least, most,
                             value ? std::to_string(*value) : kind_of(*node)));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Fields::number(std::string_view key, double least, double most) {
  const toml::node* const node = get(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto value = node->value<double>();
  if (!value || std::isnan(*value) || *value < least || *value > most) {
    mistake(key, format_text("want a number from {} to {}, found {}", least, most,
                             value ? std::to_string(*value) : kind_of(*node)));
    return std::nullopt;
  }
  return value;
}

const toml::table* Fields::table(std::string_view key) {
  const toml::node* const node = get(key);
  if (node != nullptr && !node->is_table()) {
    mistake(key, format_text("want a table, found {}", kind_of(*node)));
  }
  return node == nullptr ? nullptr : node->as_table();
}

const toml::array* Fields::array(std::string_view key) {
  const toml::node* const node = get(key);
  if (node != nullptr && !node->is_array()) {
    mistake(key, format_text("want a list, found {}", kind_of(*node)));
  }
  return node == nullptr ? nullptr : node->as_array();
}

Result<> Fields::finish() const {
  if (error_) {
    return std::unexpected(*error_);
  }
  for (const auto& [key, value] : table_) {
    if (!asked_.contains(key.str())) {
      return fail(Code::invalid_argument,
                  format_text("{}: {} is not known here", where_, in_quotes(key.str())));
    }
  }
  return {};
}

}  // namespace gantry::zoo
