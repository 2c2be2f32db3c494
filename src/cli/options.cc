#include "gantry/cli/options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>  // App holds one, and this defines its virtual members
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <ranges>
#include <sstream>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/parse.h"
#include "gantry/cli/terminal.h"

namespace gantry::cli {
namespace {

/// "max-body" → "GANTRY_MAX_BODY".
std::string variable_of(std::string_view name) {
  std::string out = "GANTRY_";
  for (const char c : name) {
    const bool is_lower = c >= 'a' && c <= 'z';
    const char upper = is_lower ? static_cast<char>(c - 'a' + 'A') : c;
    out += c == '-' ? '_' : upper;
  }
  return out;
}

std::optional<std::string> environment(const std::string& variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before threads start
  const char* const value = std::getenv(variable.c_str());
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

/// Insertions, deletions and replacements between two short words (Levenshtein's distance).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

constexpr std::size_t help_column = 27;
constexpr std::size_t help_width = 100;

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : std::string(between)) + word;
  }
  return out;
}

}  // namespace

Options::Options(std::string command, std::string summary, std::string examples)
    : command_(std::move(command)),
      section_(command_.substr(0, command_.find(' '))),
      summary_(std::move(summary)),
      examples_(std::move(examples)),
      app_(std::make_unique<CLI::App>()) {
  app_->set_help_flag("-h,--help");
  config_ = app_->add_option("--config")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

Options::~Options() = default;

void Options::add(const std::string& name, const std::string& placeholder, const std::string& help,
                  Parser parse) {
  CLI::Option* const option =
      app_->add_option("--" + name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  settings_.push_back({name, " " + placeholder, help, group_, option, std::move(parse), false});
}

void Options::flag(const std::string& name, bool& out, const std::string& help) {
  flag_or_value(name, "", help, [&out](std::string_view text) -> Result<> {
    return parse_switch(text).transform([&out](bool value) { out = value; });
  });
}

void Options::flag_or_value(const std::string& name, const std::string& placeholder,
                            const std::string& help, Parser parse) {
  CLI::Option* const option =
      app_->add_flag("--" + name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  settings_.push_back({name, placeholder.empty() ? "" : "[=" + placeholder + "]", help, group_,
                       option, std::move(parse), true});
}

void Options::text(const std::string& name, const std::string& placeholder, std::string& out,
                   const std::string& help) {
  add(name, placeholder, help, [&out](std::string_view value) -> Result<> {
    out = value;
    return {};
  });
}

void Options::path(const std::string& name, const std::string& placeholder,
                   std::filesystem::path& out, const std::string& help) {
  add(name, placeholder, help, [&out](std::string_view value) -> Result<> {
    out = value;
    return {};
  });
}

void Options::choice(const std::string& name, std::vector<std::string> words, std::string& out,
                     const std::string& help) {
  const std::string wanted = joined(words, ", ");
  add(name, "WORD", wanted + ": " + help,
      [&out, words = std::move(words), wanted](std::string_view value) -> Result<> {
        if (!std::ranges::contains(words, value)) {
          return fail(Code::invalid_argument,
                      format_text("want one of {}; got {}", wanted, in_quotes(value)));
        }
        out = value;
        return {};
      });
}

Result<std::int64_t> Options::parse_integer(std::string_view text, std::int64_t least,
                                            std::int64_t most) {
  const auto value = parse_int(text);
  if (!value || *value < least || *value > most) {
    return fail(Code::invalid_argument, format_text("want a whole number from {} to {}, got {}",
                                                    least, most, in_quotes(text)));
  }
  return *value;
}

void Options::number(const std::string& name, double& out, double least, double most,
                     const std::string& help) {
  add(name, "X", help, [&out, least, most](std::string_view text) -> Result<> {
    const auto value = parse_double(text);
    if (!value || *value < least || *value > most) {
      return fail(Code::invalid_argument,
                  format_text("want a number from {} to {}, got {}", least, most, in_quotes(text)));
    }
    out = *value;
    return {};
  });
}

void Options::size(const std::string& name, std::size_t& out, const std::string& help) {
  add(name, "SIZE", help, [&out](std::string_view text) -> Result<> {
    const auto bytes = parse_size(text);
    if (!bytes) {
      return std::unexpected(bytes.error());
    }
    if (*bytes == 0) {
      return fail(Code::invalid_argument, "want at least 1 byte, got 0");
    }
    out = *bytes;
    return {};
  });
}

void Options::duration(const std::string& name, std::chrono::milliseconds& out,
                       const std::string& help) {
  add(name, "TIME", help, [&out](std::string_view text) -> Result<> {
    const auto time = parse_duration(text);
    if (!time) {
      return std::unexpected(time.error());
    }
    out = std::chrono::ceil<std::chrono::milliseconds>(*time);
    return {};
  });
}

void Options::positionals(const std::string& name, std::vector<std::string>& out,
                          const std::string& help) {
  positionals_ = name;
  positionals_help_ = help;
  app_->add_option("arguments", out);
}

std::string Options::similar_setting(std::string_view name) const {
  std::string best;
  std::size_t distance = 3;  // more than two slips is another word
  for (const Setting& setting : settings_) {
    const std::size_t d = edit_distance(name, setting.name);
    if (d < distance) {
      distance = d;
      best = setting.name;
    }
  }
  return best;
}

Result<std::vector<Options::FileEntry>> Options::read_file(const std::string& path) const {
  // Not CLI11's from_file(): it takes a folder for an empty file, and waits at a FIFO for ever.
  constexpr std::size_t max_bytes = std::size_t{1} << 20U;
  const auto text = read_text_file(path, max_bytes);
  if (!text) {
    return fail(text.error().code, "--config: " + text.error().message);
  }
  std::vector<FileEntry> entries;
  try {
    std::istringstream lines(*text);
    for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(lines)) {
      if (item.name == "++" || item.name == "--") {
        continue;  // CLI11's marks for the begin and end of a section
      }
      if (item.parents.empty()) {
        return fail(Code::invalid_argument,
                    format_text("{}: {} stands outside a section; want it below a line [{}]", path,
                                in_quotes(item.name), section_));
      }
      if (item.parents.size() != 1 || item.parents.front() != section_) {
        continue;  // another command's
      }
      std::string name = item.name;
      std::ranges::replace(name, '_', '-');
      if (!std::ranges::contains(settings_, name, &Setting::name)) {
        if (std::ranges::contains(elsewhere_, name)) {
          continue;
        }
        const std::string similar = similar_setting(name);
        return fail(
            Code::invalid_argument,
            format_text("{}: [{}] has no setting {}{}", path, section_, in_quotes(item.name),
                        similar.empty() ? "" : "; did you mean " + similar + "?"));
      }
      entries.push_back({name, joined(item.inputs, ",")});
    }
  } catch (const std::exception& e) {
    return fail(Code::invalid_argument, format_text("{}: want TOML; {}", path, e.what()));
  }
  return entries;
}

std::optional<Exit> Options::parse(std::span<char* const> arguments) {
  std::vector<std::string> reversed;  // CLI11 takes the last one first
  for (const char* const argument : arguments | std::views::reverse) {
    reversed.emplace_back(argument);
  }
  try {
    app_->parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    print_text("{}", help());
    return Exit::good;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extra = app_->remaining();
    const std::string first = extra.empty() ? "" : extra.front();
    const std::string bare = first.substr(std::min(first.find_first_not_of('-'), first.size()));
    const std::string similar =
        first.starts_with("-") ? similar_setting(bare.substr(0, bare.find('='))) : "";
    return wrong_usage(format_text("{} is not an argument of this command{}", in_quotes(first),
                                   similar.empty() ? "" : "; did you mean --" + similar + "?"));
  } catch (const CLI::ParseError& e) {
    return wrong_usage(e.what());
  }

  const std::string config =
      config_->count() > 0 ? config_->as<std::string>() : environment("GANTRY_CONFIG").value_or("");
  std::vector<FileEntry> entries;
  if (!config.empty()) {
    auto read = read_file(config);
    if (!read) {
      return wrong_usage(read.error().message);
    }
    entries = *std::move(read);
  }
  for (const Setting& setting : settings_) {
    std::string where;
    std::optional<std::string> value;
    const auto in_file = std::ranges::find(entries, setting.name, &FileEntry::name);
    if (setting.option->count() > 0) {
      where = "--" + setting.name;
      value =
          setting.is_flag ? setting.option->as<std::string>() : setting.option->results().back();
    } else if (value = environment(variable_of(setting.name)); value) {
      where = variable_of(setting.name);
    } else if (in_file != entries.end()) {
      where = format_text("{}: {}", config, setting.name);
      value = in_file->value;
    }
    if (value) {
      if (const Result<> parsed = setting.parse(*value); !parsed) {
        return wrong_usage(format_text("{}: {}", where, parsed.error().message));
      }
    }
  }
  return std::nullopt;
}

std::string Options::help() const {
  std::string out = format_text("Usage: gantry {} [OPTION...]{}{}\n\n{}\n", command_,
                                positionals_.empty() ? "" : " ", positionals_, summary_);
  const auto line = [&out](const std::string& left, const std::string& right) {
    out += "  " + left;
    std::size_t column = left.size() + 2;
    if (column > help_column - 2) {
      out += '\n';
      column = 0;
    }
    out.append(help_column - column, ' ');
    column = help_column;
    for (const auto word : right | std::views::split(' ')) {
      const std::string_view text(word);
      if (column > help_column && column + 1 + columns(text) > help_width) {
        out += '\n' + std::string(help_column, ' ');
        column = help_column;
      }
      if (column > help_column) {
        out += ' ';
        ++column;
      }
      out += text;
      column += columns(text);
    }
    out += '\n';
  };
  if (!positionals_.empty()) {
    out += '\n';
    line(positionals_, positionals_help_);
  }
  std::string group;
  for (const Setting& setting : settings_) {
    if (setting.group != group) {
      group = setting.group;
      out += format_text("\n{}:\n", group);
    }
    line("--" + setting.name + setting.placeholder, setting.help);
  }
  out += "\nGeneral:\n";
  line("--config FILE", "read settings from this TOML file");
  line("-h, --help", "show this text");
  out += format_text(
      "\nEvery setting may also be an environment variable (--some-name: GANTRY_SOME_NAME) or an "
      "entry below\n"
      "[{}] in the config file (GANTRY_CONFIG names one too); option > variable > "
      "file.\n\nExamples:\n{}\n",
      section_, examples_);
  return out;
}

bool Options::is_on_command_line(std::string_view name) const {
  const auto found = std::ranges::find(settings_, name, &Setting::name);
  return found != settings_.end() && found->option->count() > 0;
}

Exit Options::wrong_usage(std::string_view message) const {
  print_error(command_, message, format_text("`gantry {} --help` lists what there is.", command_));
  return Exit::usage;
}

}  // namespace gantry::cli
