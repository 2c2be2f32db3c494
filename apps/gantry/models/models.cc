#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/parse.h"
#include "gantry/cli/terminal.h"
#include "gantry/zoo/manifest.h"
#include "gantry/zoo/pull.h"
#include "gantry/zoo/store.h"
#include "settings/models_dir.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view help =
    R"(Get well-known models, checked, and know what is there.

Usage: gantry models COMMAND [OPTION...] [NAME...]

Commands:
  list    which models there are, and which are installed; with names, all that is known of these
  pull    download, check and install models
  verify  hash installed models again
  rm      remove installed models

An installed model goes by its name: gantry run mobilenet_v1 photo.jpg
`gantry models COMMAND --help` tells more.

Examples:
  gantry models list
  gantry models pull mobilenet_v1 ssdlite_mobiledet
  gantry models verify
)";

constexpr std::string_view list_examples =
    R"(  gantry models list
  gantry models list mobilenet_v2      # all that is known of it
  gantry models list --json)";
constexpr std::string_view pull_examples =
    R"(  gantry models pull mobilenet_v1
  gantry models pull --all
  gantry models pull mobilenet_v1 --from /media/stick     # without a network
  gantry models pull mobilenet_v1 --from https://mirror.example.org/models
  gantry models pull efficientnet_lite0 --trust-sha256 HEX)";
constexpr std::string_view verify_examples =
    R"(  gantry models verify                 # all that are installed
  gantry models verify mobilenet_v1)";
constexpr std::string_view rm_examples = R"(  gantry models rm mobilenet_v2)";

/// What the four commands share.
struct Common {
  std::filesystem::path manifest_file;
  std::filesystem::path models_dir;
  std::vector<std::string> names;
  bool json = false;

  void add_to(Options& options, const std::string& positionals, const std::string& help_text) {
    options.positionals(positionals, names, help_text);
    add_models_dir_to(options, models_dir);
    options.path("manifest", "FILE", manifest_file,
                 "a list of models instead of the one in this program");
    options.flag("json", json, "one JSON document on stdout instead of text");
    // [models] in the config file serves four commands.
    options.allow_in_file({"all", "from", "trust-sha256", "ca-file", "connect-timeout",
                           "stall-timeout", "retries", "retry-delay", "lock-timeout"});
  }
};

/// A command's arguments, read, and what they speak of.
struct Subject {
  zoo::Manifest manifest;
  zoo::Store store;
  std::vector<const zoo::Entry*> entries;  ///< the named ones
};

Result<zoo::Manifest> read_manifest(const std::filesystem::path& file) {
  return file.empty() ? zoo::Manifest::builtin() : zoo::Manifest::read(file);
}

/// Answers an exit code, with the reason printed, if there is nothing to work on.
std::expected<Subject, Exit> subject_of(const std::string& command, const Common& common) {
  auto manifest = read_manifest(common.manifest_file);
  if (!manifest) {
    print_error(command, manifest.error().message);
    return std::unexpected(Exit::no_result);
  }
  const auto root = models_dir_or_default(common.models_dir);
  if (!root) {
    print_error(command, root.error().message, "Say where models are kept: --models-dir DIR");
    return std::unexpected(Exit::no_result);
  }
  std::vector<const zoo::Entry*> entries;
  for (const std::string& name : common.names) {
    const zoo::Entry* const entry = manifest->find(name);
    if (entry == nullptr) {
      print_error(command, format_text("{}: no model of that name in the list", in_quotes(name)),
                  "`gantry models list` shows the names.");
      return std::unexpected(Exit::usage);
    }
    if (!std::ranges::contains(entries, entry)) {
      entries.push_back(entry);
    }
  }
  // Entries are where the manifest has them: moving it moves no element.
  return Subject{
      .manifest = *std::move(manifest), .store = zoo::Store(*root), .entries = std::move(entries)};
}

void print_document(std::string_view member, Json results) {
  Json document;
  document[member] = std::move(results);
  print_text("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json json_of(const Error& error) {
  return {{"error", error.message}, {"code", code_name(error.code)}};
}

std::string_view state_name(zoo::Store::State state) {
  switch (state) {
    case zoo::Store::State::absent:
      return "not installed";
    case zoo::Store::State::installed:
      return "installed";
    case zoo::Store::State::wrong_size:
      return "damaged";
  }
  return "not installed";
}

// ---- list

Json json_of(const zoo::Content& content) {
  Json out;
  out["sha256"] = content.sha256.empty() ? Json() : Json(content.sha256);
  out["bytes"] = content.bytes ? Json(*content.bytes) : Json();
  return out;
}

Json json_of(const zoo::Entry& entry, const zoo::Store& store) {
  const auto status = store.status(entry);
  Json out;
  out["name"] = entry.name;
  out["state"] = state_name(status.state);
  out["path"] =
      status.state == zoo::Store::State::absent ? Json() : Json(store.model(entry).string());
  out["version"] = entry.version;
  out["title"] = entry.title;
  out["task"] = entry.task;
  out["licence"] = entry.licence;
  out["origin"] = entry.origin;
  out["input"] = entry.input;
  out["url"] = entry.url;
  out["download"] = json_of(entry.download);
  out["member"] = entry.member ? Json(entry.member->path) : Json();
  out["model"] = json_of(entry.model());
  out["npu"] = {{"verdict", zoo::verdict_name(entry.npu)}, {"note", entry.npu_note}};
  if (entry.expect) {
    out["expect"] = {{"image", entry.expect->image},
                     {"image_url", entry.expect->image_url},
                     {"image_sha256", entry.expect->image_sha256},
                     {"label", entry.expect->label},
                     {"class_id", entry.expect->class_id ? Json(*entry.expect->class_id) : Json()},
                     {"probability", entry.expect->probability}};
  }
  return out;
}

std::string size_of(const zoo::Entry& entry, const zoo::Store::Status& status) {
  if (status.state != zoo::Store::State::absent) {
    return human_bytes(status.bytes);
  }
  const auto& wanted = entry.model().bytes;
  return wanted ? human_bytes(*wanted) : "unknown";
}

std::string styled_state(Terminal terminal, zoo::Store::State state) {
  const std::string_view name = state_name(state);
  switch (state) {
    case zoo::Store::State::absent:
      return styled(terminal, Style::dim, name);
    case zoo::Store::State::installed:
      return styled(terminal, Style::green, name);
    case zoo::Store::State::wrong_size:
      return styled(terminal, Style::red, name);
  }
  return std::string(name);
}

std::string overview(const zoo::Manifest& manifest, const zoo::Store& store) {
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  using enum Table::Align;
  Table table({left, left, right, left, left, left});
  table.row({"name", "state", "size", "task", "licence", "alone on the NPU"});
  for (const zoo::Entry& entry : manifest.entries()) {
    const auto status = store.status(entry);
    table.row({styled(terminal, Style::bold, entry.name), styled_state(terminal, status.state),
               size_of(entry, status), printable(entry.task), printable(entry.licence),
               std::string(zoo::verdict_name(entry.npu))});
  }
  return table.text() + format_text(
                            "\nInstalled models are below {}. More on one: gantry models "
                            "list NAME\n",
                            store.root().string());
}

std::string checksum_text(const zoo::Content& content) {
  return format_text("sha256 {}{}", content.sha256.empty() ? "unknown" : content.sha256,
                     content.bytes ? format_text(", {} bytes", *content.bytes) : "");
}

std::string details(const zoo::Entry& entry, const zoo::Store& store) {
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  const auto status = store.status(entry);
  using enum Table::Align;
  Table table({left, left});
  table.row(
      {"state", status.state == zoo::Store::State::absent
                    ? styled_state(terminal, status.state)
                    : styled_state(terminal, status.state) + ", " + store.model(entry).string()});
  table.row({"task", printable(entry.task)});
  table.row({"input", printable(entry.input)});
  table.row(
      {"licence", format_text("{}, from {}", printable(entry.licence), printable(entry.origin))});
  table.row({"download", entry.url});
  table.row({"", checksum_text(entry.download)});
  if (entry.member) {
    table.row({"model in it", printable(entry.member->path)});
    table.row({"", checksum_text(entry.member->content)});
  }
  table.row({"NPU alone",
             format_text("{}: {}", zoo::verdict_name(entry.npu), printable(entry.npu_note))});
  if (entry.expect) {
    table.row(
        {"expect", format_text("{} with at least {:.0f} % on {} ({})",
                               printable(entry.expect->label), entry.expect->probability * 100,
                               printable(entry.expect->image), entry.expect->image_url)});
  }
  return format_text("{}  {}\n{}", styled(terminal, Style::bold, entry.name),
                     printable(entry.title), table.text());
}

int list(std::span<char* const> arguments) {
  Common common;
  Options options("models list",
                  "Which models there are, and which of them are installed; with names, all that "
                  "is known of these.",
                  std::string(list_examples));
  common.add_to(options, "[NAME...]", "models; none: all, in one line each");
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  const auto subject = subject_of("models list", common);
  if (!subject) {
    return to_int(subject.error());
  }
  if (common.json) {
    Json models = Json::array();
    for (const zoo::Entry& entry : subject->manifest.entries()) {
      if (subject->entries.empty() || std::ranges::contains(subject->entries, &entry)) {
        models.push_back(json_of(entry, subject->store));
      }
    }
    print_document("models", std::move(models));
  } else if (subject->entries.empty()) {
    print_text("{}", overview(subject->manifest, subject->store));
  } else {
    for (std::size_t i = 0; i < subject->entries.size(); ++i) {
      print_text("{}{}", i == 0 ? "" : "\n", details(*subject->entries[i], subject->store));
    }
  }
  return to_int(Exit::good);
}

// ---- pull

struct PullOptions {
  Common common;
  bool all = false;
  std::string from;
  std::vector<std::string> trusted;
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{30'000};
  int retries = 3;
  std::chrono::milliseconds retry_delay{1000};
  std::chrono::milliseconds lock_timeout{600'000};
  std::filesystem::path ca_file;

  void add_to(Options& options) {
    common.add_to(options, "NAME...", "models, as `gantry models list` names them");
    options.group("What");
    options.flag("all", all, "every model of the list");
    options.text("from", "DIR|URL", from,
                 "a folder or mirror that has the files under their own names; also the .tflite of "
                 "an archive [their own addresses]");
    options.add("trust-sha256", "HEX[,HEX]",
                "take a file whose checksum the list does not know, if it is this one",
                [this](std::string_view text) { return parse_checksums(text); });
    options.group("Network");
    options.path("ca-file", "FILE", ca_file,
                 "certificates to trust, PEM [the system's]; proxies: https_proxy, no_proxy");
    options.duration("connect-timeout", connect_timeout, "time for a connection [30s]");
    options.duration(
        "stall-timeout", stall_timeout,
        "a transfer below 512 bytes a second for so long is dead, whole seconds [30s]");
    options.integer("retries", retries, 0, 100, "tries more that bring nothing new [3]");
    options.duration("retry-delay", retry_delay, "before the first; doubles with each [1s]");
    options.duration("lock-timeout", lock_timeout,
                     "time to wait for another process that pulls the same model [10m]");
  }

  Result<> parse_checksums(std::string_view text) {
    while (!text.empty()) {
      const std::size_t comma = std::min(text.find(','), text.size());
      const std::string_view one = text.substr(0, comma);
      if (!zoo::is_sha256(one)) {
        return fail(Code::invalid_argument,
                    format_text("want 64 lower-case hexadecimal digits, got {}", in_quotes(one)));
      }
      trusted.emplace_back(one);
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return {};
  }
};

/// Asks whether to take bytes without a known checksum, where a person can answer.
bool person_trusts(const zoo::Unverified& file) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
    return false;
  }
  print_text(stderr,
             "The list knows no checksum for {}. From {} came\n  {} bytes, sha256 {}\n{}Install "
             "it? [y/N] ",
             printable(file.what), printable(file.source), file.bytes, file.sha256,
             file.source.starts_with("http://")
                 ? "by plain http, where anyone on the way can change it.\n"
                 : "");
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

class Puller {
 public:
  Puller(const PullOptions& options, const zoo::Store& store) : options_(options), store_(store) {}
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;
  ~Puller() = default;

  /// Pulls one, says so, and answers how it went.
  Exit one(const zoo::Entry& entry) {
    Progress progress(entry.name);
    std::optional<zoo::Unverified> refused;
    const auto pulled = zoo::pull(entry, store_, settings(entry, progress, refused));
    progress.clear();
    Json result;
    result["name"] = entry.name;
    if (!pulled) {
      result["status"] = "failed";
      result.update(json_of(pulled.error()));
      if (refused) {
        result["sha256"] = refused->sha256;
      }
      results_.push_back(std::move(result));
      print_error("models pull", format_text("{}: {}", entry.name, pulled.error().message),
                  next_step(entry, pulled.error(), refused));
      return pulled.error().code == Code::invalid_argument ? Exit::bad : Exit::no_result;
    }
    result["status"] = pulled->was_installed ? "already installed" : "installed";
    result["path"] = pulled->model.string();
    result["sha256"] = pulled->sha256;
    result["bytes"] = pulled->bytes;
    result["resumed_from"] = pulled->resumed_from;
    results_.push_back(std::move(result));
    if (!options_.common.json) {
      print_text("{}  {}, {}, {}\n", entry.name,
                 pulled->was_installed ? "was installed and is whole" : "installed",
                 human_bytes(pulled->bytes), pulled->model.string());
    }
    return Exit::good;
  }

  [[nodiscard]] Json results() && { return std::move(results_); }

 private:
  zoo::PullSettings settings(const zoo::Entry& entry, Progress& progress,
                             std::optional<zoo::Unverified>& refused) {
    zoo::PullSettings out;
    out.from = options_.from;
    out.lock_wait = options_.lock_timeout;
    out.fetch.connect_timeout = options_.connect_timeout;
    out.fetch.stall_timeout = std::chrono::ceil<std::chrono::seconds>(options_.stall_timeout);
    out.fetch.retries = options_.retries;
    out.fetch.retry_delay = options_.retry_delay;
    out.fetch.ca_file = options_.ca_file;
    out.fetch.user_agent = "gantry/" GANTRY_VERSION;
    out.fetch.on_progress = [&progress](std::uint64_t done, std::optional<std::uint64_t> total) {
      const double fraction =
          total && *total > 0 ? static_cast<double>(done) / static_cast<double>(*total) : 0;
      progress.show(fraction, total
                                  ? format_text("{} of {}", human_bytes(done), human_bytes(*total))
                                  : human_bytes(done));
    };
    const auto note = [&progress, name = entry.name](const std::string& text) {
      progress.clear();
      print_warning("models pull", format_text("{}: {}", name, text));
    };
    out.fetch.on_note = note;
    out.on_wait = [note] { note("another process pulls it; waiting"); };
    out.trusts = [this, &progress, &refused](const zoo::Unverified& file) {
      progress.clear();
      if (std::ranges::contains(options_.trusted, file.sha256) || person_trusts(file)) {
        return true;
      }
      refused = file;
      return false;
    };
    return out;
  }

  [[nodiscard]] std::string next_step(const zoo::Entry& entry, const Error& error,
                                      const std::optional<zoo::Unverified>& refused) const {
    if (refused) {
      return format_text(
          "If a source that you trust names the same checksum: gantry models pull {} "
          "--trust-sha256 {}",
          entry.name, refused->sha256);
    }
    switch (error.code) {
      case Code::unavailable:
      case Code::deadline_exceeded:
        return format_text(
            "Try again later: what has come is kept. Without a network: get {}{} elsewhere (curl "
            "-LO), then gantry models pull {} --from DIR",
            entry.url,
            entry.labels.from == zoo::LabelsFrom::url ? " and " + entry.labels.where : "",
            entry.name);
      case Code::not_found:
        return options_.from.empty()
                   ? format_text(
                         "The file has moved? Another source: gantry models pull {} --from "
                         "DIR|URL",
                         entry.name)
                   : "Check --from, or leave it out to use the file's own address.";
      case Code::invalid_argument:
      case Code::out_of_range:
        return "Nothing was installed.";
      case Code::failed_precondition:
        return "Models may be kept elsewhere (--models-dir), other certificates trusted "
               "(--ca-file).";
      case Code::cancelled:
      case Code::resource_exhausted:
      case Code::unimplemented:
      case Code::internal:
        return {};
    }
    return {};
  }

  const PullOptions& options_;
  const zoo::Store& store_;
  Json results_ = Json::array();
};

/// What several results come to: something that could not be done outweighs something bad.
Exit worse(Exit a, Exit b) { return std::max(a, b); }

int pull(std::span<char* const> arguments) {
  PullOptions settings;
  Options options("models pull",
                  "Download models, check them and install them. A download that broke off goes "
                  "on where it ended.\n\n"
                  "The exit code is 1 if a file is not what it should be, 3 if it could not be "
                  "had; a model that\n"
                  "fails does not stop the others.",
                  std::string(pull_examples));
  settings.add_to(options);
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (settings.common.names.empty() != settings.all) {
    return to_int(options.wrong_usage("which models? Want NAME..., or --all"));
  }
  auto subject = subject_of("models pull", settings.common);
  if (!subject) {
    return to_int(subject.error());
  }
  if (settings.all) {
    for (const zoo::Entry& entry : subject->manifest.entries()) {
      subject->entries.push_back(&entry);
    }
  }
  // A server that closes is an error of send(): libcurl leaves this to its user.
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(concurrency-mt-unsafe): no thread runs yet
  Puller puller(settings, subject->store);
  Exit exit = Exit::good;
  for (const zoo::Entry* const entry : subject->entries) {
    exit = worse(exit, puller.one(*entry));
  }
  if (settings.common.json) {
    print_document("models", std::move(puller).results());
  } else if (exit == Exit::good && !subject->entries.empty()) {
    print_text("Try: gantry run {} photo.jpg\n", subject->entries.front()->name);
  }
  return to_int(exit);
}

// ---- verify

int verify(std::span<char* const> arguments) {
  Common common;
  Options options("models verify",
                  "Hash installed models and their labels again, and compare with the list.\n\n"
                  "The exit code is 1 if one is not what it should be.",
                  std::string(verify_examples));
  common.add_to(options, "[NAME...]", "models; none: all that are installed");
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  auto subject = subject_of("models verify", common);
  if (!subject) {
    return to_int(subject.error());
  }
  if (common.names.empty()) {
    for (const zoo::Entry& entry : subject->manifest.entries()) {
      if (subject->store.status(entry).state != zoo::Store::State::absent) {
        subject->entries.push_back(&entry);
      }
    }
  }
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  Json results = Json::array();
  std::string text;
  Exit exit = Exit::good;
  for (const zoo::Entry* const entry : subject->entries) {
    const auto checked = subject->store.verify(*entry);
    Json result;
    result["name"] = entry->name;
    if (!checked) {
      exit = worse(exit, Exit::no_result);
      result["status"] = "failed";
      result.update(json_of(checked.error()));
      print_error("models verify", checked.error().message,
                  format_text("gantry models pull {}", entry->name));
    } else {
      const bool is_good = checked->problems.empty();
      result["status"] = is_good ? "good" : "bad";
      result["sha256"] = checked->sha256;
      result["bytes"] = checked->bytes;
      result["problems"] = checked->problems;
      text += format_text(
          "{}  {}, {}\n", entry->name,
          is_good ? styled(terminal, Style::green, "good") : styled(terminal, Style::red, "bad"),
          human_bytes(checked->bytes));
      for (const std::string& problem : checked->problems) {
        exit = worse(exit, Exit::bad);
        print_error("models verify", problem,
                    format_text("gantry models pull {}   # replaces it", entry->name));
      }
    }
    results.push_back(std::move(result));
  }
  if (common.json) {
    print_document("models", std::move(results));
  } else if (subject->entries.empty()) {
    print_text("No model of the list is installed below {}.\n", subject->store.root().string());
  } else {
    print_text("{}", text);
  }
  return to_int(exit);
}

// ---- rm

int rm(std::span<char* const> arguments) {
  Common common;
  Options options("models rm", "Remove installed models, and what is left of their downloads.",
                  std::string(rm_examples));
  common.add_to(options, "NAME...", "models");
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (common.names.empty()) {
    return to_int(options.wrong_usage("which models? Want NAME..."));
  }
  const auto subject = subject_of("models rm", common);
  if (!subject) {
    return to_int(subject.error());
  }
  Json results = Json::array();
  Exit exit = Exit::good;
  for (const zoo::Entry* const entry : subject->entries) {
    constexpr std::chrono::seconds lock_wait{10};
    const Result<> removed = subject->store.remove(*entry, lock_wait);
    Json result;
    result["name"] = entry->name;
    result["status"] = removed ? "removed" : "failed";
    if (!removed) {
      exit = worse(exit, Exit::no_result);
      result.update(json_of(removed.error()));
      print_error("models rm", removed.error().message,
                  "`gantry models list` shows what is installed.");
    } else if (!common.json) {
      print_text("{}  removed\n", entry->name);
    }
    results.push_back(std::move(result));
  }
  if (common.json) {
    print_document("models", std::move(results));
  }
  return to_int(exit);
}

}  // namespace

int models(std::span<char* const> arguments) {
  struct Command {
    std::string_view name;
    int (*function)(std::span<char* const> arguments);
  };
  constexpr std::array commands = {Command{"list", list}, Command{"pull", pull},
                                   Command{"verify", verify}, Command{"rm", rm}};
  const std::string_view word = arguments.empty() ? std::string_view() : arguments.front();
  if (word == "--help" || word == "-h" || word == "help") {
    print_text("{}", help);
    return to_int(Exit::good);
  }
  for (const Command& command : commands) {
    if (command.name == word) {
      return command.function(arguments.subspan(1));
    }
  }
  print_error("models",
              format_text("want one of the commands list, pull, verify, rm; got {}",
                          word.empty() ? "nothing" : in_quotes(word)),
              "`gantry models --help` tells more.");
  return to_int(Exit::usage);
}

}  // namespace gantry::cli
