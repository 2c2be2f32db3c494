#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

// CLI11's header costs the compiler six seconds in each source.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gantry::cli {

/// Exit codes of every command.
enum class Exit : std::uint8_t {
  good = 0,
  bad = 1,        ///< the thing that was checked is bad
  usage = 2,      ///< wrong usage
  no_result = 3,  ///< the command could not be carried out
};
[[nodiscard]] constexpr int to_int(Exit code) { return static_cast<int>(code); }

/// The settings of one command. Each has a flag (`--max-body 8M`), an environment variable
/// (GANTRY_MAX_BODY) and an entry in the config file (`max-body = "8M"` below `[serve]`). The first
/// of these that is given counts.
///
/// CLI11 reads the command line and the file. We apply this order ourselves, since CLI11 prefers
/// the file to the environment and ignores a variable with a bad value (2.6.1, App::_process).
/// Threads: thread-bound.
class Options {
 public:
  /// `examples`, one per line, ends the help.
  Options(std::string command, std::string summary, std::string examples);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options();

  /// Takes a value. Its errors say what was wanted and what was found; Options puts the setting's
  /// name in front.
  using Parser = std::function<Result<>(std::string_view)>;

  /// The headline in the help for the settings that follow.
  void group(std::string title) { group_ = std::move(title); }

  void add(const std::string& name, const std::string& placeholder, const std::string& help,
           Parser parse);
  void flag(const std::string& name, bool& out, const std::string& help);
  /// `--name` or `--name=VALUE`; the parser gets "true" for the first.
  void flag_or_value(const std::string& name, const std::string& placeholder,
                     const std::string& help, Parser parse);
  void text(const std::string& name, const std::string& placeholder, std::string& out,
            const std::string& help);
  void path(const std::string& name, const std::string& placeholder, std::filesystem::path& out,
            const std::string& help);
  /// One of `words`.
  void choice(const std::string& name, std::vector<std::string> words, std::string& out,
              const std::string& help);
  template <class T>
  void integer(const std::string& name, T& out, std::int64_t least, std::int64_t most,
               const std::string& help) {
    add(name, "N", help, [&out, least, most](std::string_view text) -> Result<> {
      return parse_integer(text, least, most).transform([&out](std::int64_t value) {
        out = static_cast<T>(value);
      });
    });
  }
  void number(const std::string& name, double& out, double least, double most,
              const std::string& help);
  /// Bytes, at least 1.
  void size(const std::string& name, std::size_t& out, const std::string& help);
  void duration(const std::string& name, std::chrono::milliseconds& out, const std::string& help);

  /// Arguments without a name. Command line only.
  void positionals(const std::string& name, std::vector<std::string>& out, const std::string& help);

  /// Names of settings of other commands that may stand in this command's section of the config
  /// file.
  void allow_in_file(std::vector<std::string> names) { elsewhere_ = std::move(names); }

  /// Reads command line, environment and config file into the variables given above.
  /// Answers an exit code if the program should end now: after --help, or with an explanation on
  /// stderr.
  [[nodiscard]] std::optional<Exit> parse(std::span<char* const> arguments);

  /// Whether a setting was on the command line itself.
  [[nodiscard]] bool is_on_command_line(std::string_view name) const;
  /// Prints a usage error that points to --help. Always Exit::usage.
  [[nodiscard]] Exit wrong_usage(std::string_view message) const;

 private:
  struct Setting {
    std::string name;
    std::string placeholder;
    std::string help;
    std::string group;
    CLI::Option* option;
    Parser parse;
    bool is_flag;
  };
  struct FileEntry {
    std::string name;
    std::string value;
  };
  static Result<std::int64_t> parse_integer(std::string_view text, std::int64_t least,
                                            std::int64_t most);
  [[nodiscard]] Result<std::vector<FileEntry>> read_file(const std::string& path) const;
  [[nodiscard]] std::string similar_setting(std::string_view name) const;

  [[nodiscard]] std::string help() const;

  std::string command_;
  std::string section_;  ///< of the config file: the first word of the command
  std::string summary_;
  std::string examples_;
  std::unique_ptr<CLI::App> app_;
  std::string group_ = "Options";
  std::string positionals_;  ///< "MODEL IMAGE..."
  std::string positionals_help_;
  CLI::Option* config_ = nullptr;
  std::vector<Setting> settings_;
  std::vector<std::string> elsewhere_;
};

}  // namespace gantry::cli
